"""Which files are handed in."""

from __future__ import annotations

from pathlib import Path

from leadglass.cli.films import walk


def test_folders_are_walked_in_sorted_order_at_any_depth(tmp_path: Path) -> None:
    for name in ("b.dcm", "a/z.dcm", "a/b/c.dcm", "c", ".hidden"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")

    found = [str(path.relative_to(tmp_path)) for path in walk([tmp_path])]

    assert found == [".hidden", "a/b/c.dcm", "a/z.dcm", "b.dcm", "c"]


def test_paths_are_taken_in_the_order_given(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).write_bytes(b"")

    assert list(walk([tmp_path / "b", tmp_path / "a"])) == [tmp_path / "b", tmp_path / "a"]


def test_what_is_not_there_is_yielded_to_be_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "dead").symlink_to("nowhere")

    assert list(walk([tmp_path / "none", tmp_path])) == [tmp_path / "none", tmp_path / "dead"]


def test_an_empty_folder_has_no_files(tmp_path: Path) -> None:
    assert list(walk([tmp_path])) == []


def test_a_folder_that_links_to_itself_ends(tmp_path: Path) -> None:
    (tmp_path / "film").write_bytes(b"")
    (tmp_path / "again").symlink_to(tmp_path)

    assert tmp_path / "film" in list(walk([tmp_path]))
