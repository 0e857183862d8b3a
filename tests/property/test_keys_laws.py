"""Laws of keys: whatever is created, destroyed, exchanged and moved, what should open opens, and nothing else does."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadglass.adapters.keys.file import FileKeys
from leadglass.adapters.keys.root import RootFile, new_root_key, read_root_key
from leadglass.errors import InputError, SealBrokenError, ShreddedError
from leadglass.seal.escrow import RANDOMNESS_SIZE, SECRET_SIZE, Share, recover, split

NAMES = ["i-1", "i-2", "i-3", "site"]
STEPS = st.one_of(
    st.tuples(st.just("create"), st.sampled_from(NAMES)),
    st.tuples(st.just("destroy"), st.sampled_from(NAMES)),
    st.tuples(st.sampled_from(["rotate", "reopen", "move"]), st.just("")),
)
SECRETS = st.binary(min_size=SECRET_SIZE, max_size=SECRET_SIZE)
RANDOMNESS = st.binary(min_size=RANDOMNESS_SIZE, max_size=RANDOMNESS_SIZE)
NUMBERS = st.integers(min_value=0, max_value=2)


def opened(folder: Path) -> FileKeys:
    return FileKeys(None, folder / "keys.db", root_file=RootFile(folder / "root.key"))


def moved(folder: Path) -> None:
    """As a backup takes keys to another machine."""
    with closing(opened(folder)) as keys:
        parts = list(keys.exported())
    for path in folder.glob("keys.db*"):
        path.unlink()
    with closing(opened(folder)) as keys:
        keys.bring_in(parts)


@given(steps=st.lists(STEPS, max_size=12))
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
def test_a_key_opens_what_it_wrapped_until_it_is_destroyed_and_never_again(steps: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        new_root_key(folder / "root.key")
        keys = opened(folder)
        keys.make()
        secret, wrapped, alive, gone = keys.secret("terms"), dict[str, bytes](), set[str](), set[str]()
        for step, about in steps:
            if step == "create" and about in gone:
                with pytest.raises(ShreddedError):
                    keys.create(about)
            elif step == "create":
                keys.create(about)
                wrapped.setdefault(about, keys.wrap(about, about.encode(), context="c"))
                alive.add(about)
            elif step == "destroy":
                keys.destroy(about)
                alive.discard(about)
                gone.add(about)
            elif step == "rotate":
                assert keys.rotate_root() > 1
            else:
                keys.close()
                if step == "move":
                    moved(folder)
                keys = opened(folder)
            assert keys.secret("terms") == secret
            for each in alive:
                assert keys.unwrap(each, wrapped[each], context="c") == each.encode()
            for each in gone:
                with pytest.raises(ShreddedError):
                    keys.unwrap(each, wrapped.get(each, b""), context="c")
        keys.close()
        with closing(sqlite3.connect(folder / "keys.db")) as connection:
            ((integrity,),) = connection.execute("PRAGMA integrity_check").fetchall()
        assert integrity == "ok"
        assert len(read_root_key(folder / "root.key")) == 32


@given(secret=SECRETS, randomness=RANDOMNESS, one=NUMBERS, other=NUMBERS)
def test_any_two_shares_and_no_one_alone(secret: bytes, randomness: bytes, one: int, other: int) -> None:
    shares = split(secret, origin="example.org/log", generation=1, randomness=randomness)
    if one == other:
        with pytest.raises(InputError):
            recover(shares[one], shares[other])
    else:
        assert recover(shares[one], Share.decode(shares[other].encode())) == secret


@given(secret=SECRETS, another=SECRETS, randomness=RANDOMNESS, x=NUMBERS)
def test_a_share_of_one_secret_is_a_share_of_any_other(secret: bytes, another: bytes, randomness: bytes, x: int) -> None:
    """For every other secret there is randomness that gives the very same share: it says nothing of which was split."""
    share = split(secret, origin="o", generation=1, randomness=randomness)[x]
    slopes = bytes(_slopes(x)[have ^ want] for have, want in zip(share.data, another, strict=True))

    assert split(another, origin="o", generation=1, randomness=randomness[:4] + slopes)[x] == share


@cache
def _slopes(x: int) -> dict[int, int]:
    """By what it adds to a secret byte, the random byte of share ``x``."""
    runs = [bytes(range(start, start + 32)) for start in range(0, 256, 32)]
    added = [split(bytes(32), origin="o", generation=1, randomness=bytes(4) + run)[x].data for run in runs]
    return dict(zip(b"".join(added), range(256), strict=True))


@given(root=SECRETS, another=SECRETS)
@settings(max_examples=10)
def test_another_root_key_opens_nothing(root: bytes, another: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        with closing(FileKeys(root, Path(name) / "keys.db")) as keys:
            keys.make()
            keys.create("i-1")
        if root != another:
            with closing(FileKeys(another, Path(name) / "keys.db")) as keys:
                for act in (
                    lambda: keys.secret("a"),
                    lambda: keys.create("i-2"),
                    lambda: keys.wrap("i-1", b"", context="c"),
                ):
                    with pytest.raises(SealBrokenError):
                        act()
