"""A tree as a stream: every file once, in order, whatever lies between them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadglass.adapters.batch.walk import count_files, walk

NAMES = st.text(st.sampled_from("aB.é中 \udc80"), min_size=1, max_size=3).filter(lambda name: set(name) != {"."})
TREES = st.dictionaries(st.lists(NAMES, min_size=1, max_size=3).map(tuple), st.binary(max_size=3), max_size=8)


def planted(root: Path, tree: dict[tuple[str, ...], bytes]) -> set[Path]:
    """The files of a tree, those left out whose name is a folder's or below a file's."""
    root.mkdir()
    for parts, data in tree.items():
        path = root.joinpath(*parts)
        if path.exists() or any(parent.is_file() for parent in path.parents):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return {path for path in root.rglob("*") if path.is_file()}


@given(tree=TREES, in_memory=st.sampled_from([1, 2, 100]))
def test_every_file_comes_once_and_in_sorted_order(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[tuple[str, ...], bytes], in_memory: int
) -> None:
    root = tmp_path_factory.mktemp("walk") / "root"
    files = planted(root, tree)

    found = list(walk(root, in_memory=in_memory))

    assert [root / each.path for each in found] == sorted(files)
    assert [each.size for each in found] == [len((root / each.path).read_bytes()) for each in found]
    assert count_files(root, lambda: False) == len(files)


def test_a_file_is_walked_alone(tmp_path: Path) -> None:
    (tmp_path / "film").write_bytes(b"1234")

    (found,) = walk(tmp_path / "film")

    assert (found.path, found.size, found.problem) == ("film", 4, None)


def test_hidden_files_are_files(tmp_path: Path) -> None:
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / ".film").touch()

    assert [each.path for each in walk(tmp_path)] == [".hidden/.film"]


def test_a_link_is_followed_only_to_a_file_inside(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    (inside / "folder").mkdir(parents=True)
    (inside / "a").write_bytes(b"12")
    (tmp_path / "secret").touch()
    for name, target in {"b": "a", "c": "../secret", "d": "folder", "e": "..", "f": "nowhere", "g": "g"}.items():
        (inside / name).symlink_to(target)

    found = {each.path: each for each in walk(inside)}

    assert found["b"].size == 2
    assert [each.path for each in found.values() if each.aside is None] == ["a", "b"]


def test_pipes_are_left_aside_and_nobody_waits_for_them(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    (found,) = walk(tmp_path)

    assert found.aside is not None


def test_a_folder_that_vanishes_is_a_problem(tmp_path: Path) -> None:
    for name in ("a", "c"):
        (tmp_path / name).touch()
    (tmp_path / "b").mkdir()
    walked = walk(tmp_path)
    next(walked)
    (tmp_path / "b").rmdir()

    problem, last = walked

    assert (problem.path, last.path) == ("b", "c")
    assert problem.problem == "the folder cannot be read: No such file or directory"


def test_a_deep_tree_is_walked_to_its_end(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(400):
        folder /= "d"
        folder.mkdir()
    (folder / "film").touch()

    assert [each.path for each in walk(tmp_path)] == ["d/" * 400 + "film"]


def test_counting_ends_when_told(tmp_path: Path) -> None:
    assert count_files(tmp_path, lambda: True) is None
