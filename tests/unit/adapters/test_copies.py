"""From file to file: a file appears whole or not at all, under its own name or one that tells it from another."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from leadglass.adapters.copies import HIDDEN, NewFile, ReadAhead, pieces_of, room, sha256, spool, tree_digest
from leadglass.dicom.kept import Parts
from leadglass.dicom.plan import Copy, Insert, Op, Plan, run
from leadglass.dicom.source import BytesSource, Source
from leadglass.errors import InputError, UnavailableError

MEBIBYTE = 1 << 20


def pattern(length: int) -> bytes:
    """Bytes that no shifted copy of themselves equals."""
    return b"".join(number.to_bytes(4, "big") for number in range(-(-length // 4)))[:length]


def write(folder: Path, data: bytes, name: str = "a.dcm") -> str:
    with NewFile(str(folder)) as new:
        new.write(Parts((Insert(data),), (), ()), ())
        return new.keep(name)


def nothing(_piece: bytes | memoryview) -> None:
    pass


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def received(tmp_path: Path) -> Path:
    path = tmp_path / "received"
    path.write_bytes(pattern(3 * MEBIBYTE + 17))
    return path


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "received"
    path.write_bytes(pattern(3 * MEBIBYTE + 17))
    return path


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [None, 0, 1, 1000, 2 * MEBIBYTE])
@pytest.mark.parametrize(
    ("offset", "length"),
    [(0, 10), (990, 20), (1000, 5), (MEBIBYTE - 3, 6), (100, 3 * MEBIBYTE), (3 * MEBIBYTE + 10, 100), (1 << 40, 5), (5, 0)],
)
def test_any_range_is_read_whatever_is_held(large: Path, ahead: int | None, offset: int, length: int) -> None:
    with ReadAhead(large, room(), ahead=ahead) as source:
        assert source.read(offset, length) == large.read_bytes()[offset : offset + length]


def test_one_room_serves_one_file_after_the_other(tmp_path: Path) -> None:
    place = room()
    for name in ("long and first", "second"):
        (tmp_path / name).write_bytes(name.encode())
        with ReadAhead(tmp_path / name, place) as source:
            assert source.read(0, 100) == name.encode()


def test_an_empty_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with ReadAhead(tmp_path / "empty", room()) as source:
        assert (source.size, source.read(0, 10)) == (0, b"")


@pytest.fixture(params=["folder", "pipe", "socket", "device", "nothing", "dangling link"])
def no_file(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    path = Path("place")
    with socket.socket(socket.AF_UNIX) as listening:
        if request.param == "folder":
            path.mkdir()
        elif request.param == "pipe":
            os.mkfifo(path)
        elif request.param == "socket":
            # A relative path: those of sockets are short.
            listening.bind(str(path))
        elif request.param == "device":
            path = Path(os.devnull)
        elif request.param == "dangling link":
            path.symlink_to("nowhere")
        yield path


def test_what_is_no_file_is_refused_at_once(no_file: Path) -> None:
    with pytest.raises(InputError, match=r"not a file's|cannot be read"):
        ReadAhead(no_file, room())


def test_a_refused_file_leaves_nothing_open(tmp_path: Path) -> None:
    before = os.dup(0)
    os.close(before)
    with pytest.raises(InputError):
        ReadAhead(tmp_path, room())
    after = os.dup(0)
    os.close(after)
    assert after == before


def test_a_file_that_became_shorter_is_an_error_and_no_shorter_output(received: Path) -> None:
    with ReadAhead(received, room(), ahead=0) as source:
        os.truncate(received, MEBIBYTE)
        with pytest.raises(InputError, match="became shorter"):
            b"".join(pieces_of(Copy(0, source.size), (source,)))


OPS = st.lists(
    st.one_of(
        st.builds(Insert, st.binary(max_size=9)),
        st.tuples(st.integers(0, 4000), st.integers(0, 9000), st.integers(0, 1)).map(
            lambda each: Copy(min(each[0], 3000), min(each[1], 4000 - min(each[0], 3000)), each[2])
        ),
    ),
    max_size=8,
)


@pytest.fixture(scope="module")
def four_thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plans") / "received"
    path.write_bytes(pattern(4000))
    return path


@given(before=OPS, value=OPS, after=OPS, ahead=st.integers(0, 4000))
def test_what_is_written_is_what_the_plan_makes(
    four_thousand: Path, before: list[Op], value: list[Op], after: list[Op], ahead: int
) -> None:
    folder, other = four_thousand.parent, BytesSource(pattern(4000)[::-1])
    seen: list[bytes] = []
    with ReadAhead(four_thousand, room(), ahead=ahead) as source:
        sources: tuple[Source, ...] = (source, other)
        with NewFile(str(folder)) as new:
            parts = Parts(tuple(before), tuple(value), tuple(after))
            new.write(parts, sources, watch=[lambda piece: seen.append(bytes(piece))])
            written = (folder / f"{HIDDEN}{os.getpid()}").read_bytes()
        assert written == b"".join(run(Plan((*before, *value, *after)), sources))
        assert b"".join(seen) == b"".join(run(Plan(tuple(value)), sources))


@pytest.mark.parametrize("watched", [False, True])
def test_more_pieces_than_a_call_takes_are_written_in_order(tmp_path: Path, watched: bool) -> None:
    ops = tuple(Insert(number.to_bytes(2, "big")) for number in range(3000))
    with NewFile(str(tmp_path)) as new:
        new.write(Parts((), ops, ()), (), watch=[nothing] if watched else ())
        new.keep("a")
    assert (tmp_path / "a").read_bytes() == b"".join(op.data for op in ops)


# --- writing ----------------------------------------------------------------------------------------------------------


def test_a_file_gets_its_name_when_it_is_whole(tmp_path: Path) -> None:
    with NewFile(str(tmp_path)) as new:
        new.write(Parts((Insert(b"abc"),), (), ()), ())
        unfinished = names(tmp_path)
        new.keep("a.dcm")
    assert all(name.startswith(HIDDEN) for name in unfinished)
    assert (names(tmp_path), (tmp_path / "a.dcm").read_bytes()) == ({"a.dcm"}, b"abc")


def test_what_is_not_kept_is_gone(tmp_path: Path) -> None:
    with NewFile(str(tmp_path)) as new:
        new.write(Parts((Insert(b"abc"),), (), ()), ())
    assert names(tmp_path) == set()


def test_an_error_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"

    def stop(_piece: bytes | memoryview) -> None:
        raise InputError("it cannot be read")

    with pytest.raises(InputError), NewFile(str(out)) as new:
        new.write(Parts((Insert(b"abc"),), (Insert(b"def"),), ()), (), watch=[stop])
    assert names(out) == set()


def test_an_input_that_becomes_shorter_leaves_nothing(tmp_path: Path, received: Path) -> None:
    out = tmp_path / "out"
    with ReadAhead(received, room(), ahead=100) as source:
        os.truncate(received, MEBIBYTE)
        with pytest.raises(InputError, match="became shorter"), NewFile(str(out)) as new:
            new.write(Parts((), (Copy(0, source.size),), ()), (source,))
    assert names(out) == set()


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    assert write(tmp_path / "a" / "b", b"abc") == "a.dcm"


def test_a_file_where_a_folder_belongs_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(UnavailableError, match="cannot be written"):
        write(tmp_path / "a" / "b", b"abc")


@pytest.mark.parametrize("size", [0, 3, MEBIBYTE + 1])
def test_the_same_bytes_again_leave_what_is_there(tmp_path: Path, size: int) -> None:
    write(tmp_path, pattern(size))
    there = (tmp_path / "a.dcm").stat()
    assert write(tmp_path, pattern(size)) == "a.dcm"
    assert ((tmp_path / "a.dcm").stat().st_ino, names(tmp_path)) == (there.st_ino, {"a.dcm"})


@pytest.mark.parametrize("other", [b"", b"ab", b"abd", b"abcd"])
def test_other_bytes_of_the_same_name_get_a_name_with_their_digest(tmp_path: Path, other: bytes) -> None:
    write(tmp_path, b"abc")
    digest = sha256((Insert(other),), ()).hex()
    assert write(tmp_path, other) == f"a-{digest[:12]}.dcm"
    assert (tmp_path / "a.dcm").read_bytes() == b"abc"
    assert (tmp_path / f"a-{digest[:12]}.dcm").read_bytes() == other


def test_long_files_that_differ_at_their_end_are_told_apart(tmp_path: Path) -> None:
    data = pattern(2 * MEBIBYTE)
    write(tmp_path, data)
    assert write(tmp_path, data[:-1] + b"x") != "a.dcm"


def test_files_of_one_size_and_age_are_told_apart(tmp_path: Path) -> None:
    """Many file systems count time in steps of some milliseconds, in which several files are written."""

    def write_now(data: bytes) -> str:
        with NewFile(str(tmp_path)) as new:
            new.write(Parts((Insert(data),), (), ()), ())
            os.utime(tmp_path / f"{HIDDEN}{os.getpid()}", ns=(0, 0))
            return new.keep("a.dcm")

    assert [write_now(data) for data in (b"one", b"one")] == ["a.dcm", "a.dcm"]
    assert (tmp_path / write_now(b"two")).read_bytes() == b"two"


def test_a_second_other_file_of_the_same_digest_name_is_the_first(tmp_path: Path) -> None:
    write(tmp_path, b"abc")
    assert write(tmp_path, b"other") == write(tmp_path, b"other")
    assert len(names(tmp_path)) == 2


@pytest.mark.parametrize("target", ["same bytes", "other bytes", "nowhere", "itself"])
def test_a_link_in_its_place_is_neither_followed_nor_replaced(tmp_path: Path, target: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "out").mkdir()
    link = tmp_path / "out" / "a.dcm"
    link.symlink_to(link if target == "itself" else elsewhere)
    if target in ("same bytes", "other bytes"):
        elsewhere.write_bytes(b"abc" if target == "same bytes" else b"else")
    before = elsewhere.read_bytes() if elsewhere.exists() else None
    name = write(tmp_path / "out", b"abc")
    assert name != "a.dcm"
    assert (tmp_path / "out" / name).read_bytes() == b"abc"
    assert link.is_symlink()
    assert (elsewhere.read_bytes() if elsewhere.exists() else None) == before


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_in_its_place_stays(tmp_path: Path, make: object) -> None:
    assert callable(make)
    make(tmp_path / "a.dcm")
    assert write(tmp_path, b"abc") != "a.dcm"
    assert not (tmp_path / "a.dcm").is_file()


def test_both_names_taken_by_others_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, b"abc")
    (tmp_path / f"a-{sha256((Insert(b'other'),), ()).hex()[:12]}.dcm").mkdir()
    with pytest.raises(UnavailableError, match="cannot be written"):
        write(tmp_path, b"other")
    assert len(names(tmp_path)) == 2


def test_a_link_in_place_of_the_unfinished_file_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "out" / f"{HIDDEN}{os.getpid()}").symlink_to(tmp_path / "precious")
    with pytest.raises(UnavailableError):
        write(tmp_path / "out", b"abc")
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_what_a_killed_process_left_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / f"{HIDDEN}{os.getpid()}").write_bytes(pattern(100))
    write(tmp_path, b"abc")
    assert (tmp_path / "a.dcm").read_bytes() == b"abc"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("only root may mount a file system that is soon full")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("watched", [False, True])
def test_a_full_disk_is_an_error_that_leaves_nothing(small_disk: Path, received: Path, watched: bool) -> None:
    with (
        ReadAhead(received, room(), ahead=100) as source,
        pytest.raises(UnavailableError) as caught,
        NewFile(str(small_disk)) as new,
    ):
        new.write(Parts((), (Copy(0, source.size),), ()), (source,), watch=[nothing] if watched else ())
    assert (caught.value.hint, names(small_disk)) == ("make room and try again", set())


SHARED_MEMORY = "/dev/shm"  # noqa: S108 - mostly a file system of its own; a folder is made in it


@pytest.fixture(params=[SHARED_MEMORY, "same"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder of another file system, between which the system may not copy; or of the same."""
    if request.param == "same":
        yield tmp_path / "out"
        return
    shared = Path(request.param)
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip(f"{SHARED_MEMORY} is no file system of its own here")
    folder = shared / f"leadglass-tests-{os.getpid()}"
    folder.mkdir()
    yield folder
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


@pytest.mark.parametrize("ahead", [0, 100, None])
def test_large_copies_are_whole_on_any_file_system(elsewhere: Path, received: Path, ahead: int | None) -> None:
    data = received.read_bytes()
    ops = (Insert(b"before"), Copy(5, MEBIBYTE), Insert(b"between"), Copy(2 * MEBIBYTE, MEBIBYTE + 17))
    with ReadAhead(received, room(), ahead=ahead) as source, NewFile(str(elsewhere)) as new:
        new.write(Parts(ops, ops, ops), (source,))
        name = new.keep("a.dcm")
    once = b"before" + data[5 : MEBIBYTE + 5] + b"between" + data[2 * MEBIBYTE :]
    assert (elsewhere / name).read_bytes() == once * 3


# --- spool and digests ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 5, 17 * MEBIBYTE])
def test_what_is_spooled_is_read_anywhere(size: int) -> None:
    data = pattern(size)
    with spool(1) as keep:
        source = keep(iter([data[:3], data[3:]]))
        assert source.size == size
        assert source.read(max(size - 7, 0), 100) == data[-7:]
        assert source.read(1, 3) == data[1:4]


def test_no_room_for_what_is_spooled_is_an_error(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    with pytest.raises(InputError, match="no room"), spool(1) as keep:
        keep(iter([bytes(MEBIBYTE)] * 18))


def test_a_small_file_does_not_become_a_huge_one() -> None:
    zeros = bytes(MEBIBYTE)
    with pytest.raises(InputError, match="larger than 268435456"), spool(MEBIBYTE) as keep:
        keep(zeros for _ in range(300))


def test_a_tree_digest_tells_its_three_parts_apart() -> None:
    digests = {tree_digest(*parts) for parts in ((b"a", b"b", b""), (b"b", b"a", b""), (b"", b"a", b"c"))}
    assert len(digests) == 3
