"""The laws of the seal."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadglass.dicom.source import BytesSource
from leadglass.errors import MalformedError, SealBrokenError
from leadglass.seal.cms import authenvelope, kek_ids, open_authenveloped
from leadglass.seal.envelope import Unsealed, seal, seal_stream, unseal
from leadglass.seal.keys import keyed, region_key, unwrap, wrap

CHUNK = 16 * 1024
LONG = bytes(n % 251 for n in range(3 * CHUNK + 100))

law = settings(deadline=None, max_examples=60)
keys = st.binary(min_size=32, max_size=32)
nonces = st.binary(min_size=24, max_size=24)
short_nonces = st.binary(min_size=12, max_size=12)
sizes = st.one_of(st.integers(0, 100), st.sampled_from([CHUNK - 1, CHUNK, CHUNK + 1, len(LONG)]))


def flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def bits(data: bytes) -> st.SearchStrategy[int]:
    return st.integers(0, 8 * len(data) - 1)


@law
@given(sizes, keys, nonces, st.binary(max_size=40))
def test_unseal_undoes_seal(size: int, key: bytes, nonce: bytes, context: bytes) -> None:
    sealed = seal(LONG[:size], key=key, nonce=nonce, context=context)
    assert unseal(sealed, key=key, context=context) == LONG[:size]


@settings(deadline=None, max_examples=150)
@given(sizes, keys, nonces, st.binary(max_size=40), st.data())
def test_any_flipped_bit_wrong_key_or_wrong_context_makes_unseal_raise(
    size: int, key: bytes, nonce: bytes, context: bytes, data: st.DataObject
) -> None:
    sealed = seal(LONG[:size], key=key, nonce=nonce, context=context)
    with pytest.raises(SealBrokenError):
        unseal(flip(sealed, data.draw(bits(sealed))), key=key, context=context)
    with pytest.raises(SealBrokenError):
        unseal(sealed, key=flip(key, data.draw(bits(key))), context=context)
    with pytest.raises(SealBrokenError):
        unseal(sealed, key=key, context=data.draw(st.binary(max_size=40).filter(lambda other: other != context)))


def test_every_single_flipped_bit_of_a_short_seal_makes_unseal_raise() -> None:
    sealed = seal(b"a name", key=bytes(32), nonce=bytes(24), context=b"")
    for bit in range(8 * len(sealed)):
        with pytest.raises(SealBrokenError):
            unseal(flip(sealed, bit), key=bytes(32), context=b"")


@law
@given(sizes, st.data())
def test_any_cut_or_added_end_makes_unseal_raise(size: int, data: st.DataObject) -> None:
    sealed = seal(LONG[:size], key=bytes(32), nonce=bytes(24), context=b"")
    with pytest.raises(SealBrokenError):
        unseal(sealed[: data.draw(st.integers(0, len(sealed) - 1))], key=bytes(32), context=b"")
    with pytest.raises(SealBrokenError):
        unseal(sealed + data.draw(st.binary(min_size=1, max_size=50)), key=bytes(32), context=b"")


@law
@given(st.lists(st.integers(0, 2 * CHUNK), max_size=6))
def test_a_stream_in_any_pieces_is_the_seal_of_the_whole(steps: list[int]) -> None:
    pieces = [LONG[:step] for step in steps]
    whole = seal(b"".join(pieces), key=bytes(32), nonce=bytes(24), context=b"c")
    assert b"".join(seal_stream(pieces, key=bytes(32), nonce=bytes(24), context=b"c")) == whole


@law
@given(st.integers(0, len(LONG) + 10), st.integers(0, len(LONG) + 10))
def test_any_range_reads_as_the_plain_bytes_do(offset: int, length: int) -> None:
    opened = Unsealed(BytesSource(seal(LONG, key=bytes(32), nonce=bytes(24), context=b"")), key=bytes(32), context=b"")
    assert opened.read(offset, length) == LONG[offset : offset + length]


@law
@given(st.binary(max_size=300), keys, st.binary(min_size=1, max_size=200), keys, short_nonces)
def test_opening_undoes_enveloping(plain: bytes, kek: bytes, kek_id: bytes, cek: bytes, nonce: bytes) -> None:
    envelope = authenvelope(plain, kek=kek, kek_id=kek_id, cek=cek, nonce=nonce)
    assert kek_ids(envelope) == (kek_id,)
    assert open_authenveloped(envelope, kek=kek, kek_id=kek_id) == plain


def test_any_flipped_bit_in_an_envelope_makes_opening_raise() -> None:
    envelope = authenvelope(b"a region", kek=bytes(32), kek_id=b"an id of a key..", cek=bytes(32), nonce=bytes(12))
    for bit in range(8 * len(envelope)):
        with pytest.raises((SealBrokenError, MalformedError)):
            open_authenveloped(flip(envelope, bit), kek=bytes(32), kek_id=b"an id of a key..")


@law
@given(st.binary(max_size=300), keys, st.integers(0, 255))
def test_a_wrong_key_makes_opening_raise(plain: bytes, kek: bytes, bit: int) -> None:
    envelope = authenvelope(plain, kek=kek, kek_id=b"id", cek=bytes(32), nonce=bytes(12))
    with pytest.raises(SealBrokenError):
        open_authenveloped(envelope, kek=flip(kek, bit), kek_id=b"id")


@law
@given(st.binary(max_size=300), st.data())
def test_any_cut_or_added_end_makes_opening_raise(plain: bytes, data: st.DataObject) -> None:
    envelope = authenvelope(plain, kek=bytes(32), kek_id=b"id", cek=bytes(32), nonce=bytes(12))
    for changed in (
        envelope[: data.draw(st.integers(0, len(envelope) - 1))],
        envelope + data.draw(st.binary(min_size=1, max_size=30)),
    ):
        with pytest.raises(MalformedError):
            open_authenveloped(changed, kek=bytes(32), kek_id=b"id")


@law
@given(st.binary(max_size=200))
def test_hostile_bytes_are_refused_as_envelopes_and_seals(data: bytes) -> None:
    with pytest.raises(MalformedError):
        open_authenveloped(data, kek=bytes(32), kek_id=b"id")
    with pytest.raises(SealBrokenError):
        unseal(data, key=bytes(32), context=b"")


@law
@given(st.binary(max_size=64), keys, short_nonces, st.binary(max_size=40), st.data())
def test_any_flipped_bit_wrong_key_or_wrong_context_makes_unwrap_raise(
    secret: bytes, kek: bytes, nonce: bytes, context: bytes, data: st.DataObject
) -> None:
    wrapped = wrap(secret, kek=kek, context=context, nonce=nonce)
    assert unwrap(wrapped, kek=kek, context=context) == secret
    for changed, key, about in (
        (flip(wrapped, data.draw(bits(wrapped))), kek, context),
        (wrapped, flip(kek, data.draw(bits(kek))), context),
        (wrapped, kek, context + b"."),
        (wrapped[:-1], kek, context),
    ):
        with pytest.raises(SealBrokenError):
            unwrap(changed, kek=key, context=about)


@law
@given(
    st.tuples(keys, st.text(max_size=20), st.binary(max_size=20)),
    st.tuples(keys, st.text(max_size=20), st.binary(max_size=20)),
)
def test_keyed_names_are_equal_only_for_the_same_key_kind_and_value(
    one: tuple[bytes, str, bytes], other: tuple[bytes, str, bytes]
) -> None:
    names = {keyed(key, kind=kind, value=value) for key, kind, value in (one, other)}
    assert len(names) == len({one, other})


@law
@given(keys, st.binary(max_size=40), st.binary(max_size=40))
def test_each_region_of_each_release_has_its_own_key(release: bytes, one: bytes, other: bytes) -> None:
    contexts = {one, other}
    made = {region_key(key, context=context) for key in (release, flip(release, 7)) for context in contexts}
    assert len({key.kek for key in made}) == len({key.kek_id for key in made}) == 2 * len(contexts)
