"""The laws of envelopes for people: what was changed does not open, and hostile bytes raise nothing but our errors."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from leadglass.errors import InputError, SealBrokenError
from leadglass.seal.cms import (
    authenvelope,
    envelope,
    kek_ids,
    open_authenveloped,
    open_enveloped,
    open_with_key,
    recipients,
)
from leadglass.seal.hpke import open_for, seal_for
from leadglass.seal.public import PrivateKey, new_person_key, read_private, read_public

KEK, KEK_ID = bytes(range(32)), b"region-key-id-01"
PLAIN, OTHER = b"heart, 400 pixels of one film...", b"heart, 400 pixels of another one"
MUTANTS = 10_000
"""Of each kind of sealed object."""

law = settings(deadline=None, max_examples=60)


def private(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> PrivateKey:
    return read_private(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


PERSON = new_person_key(seed=bytes(range(96)))
EC = private(ec.derive_private_key(7, ec.SECP256R1()))
RSA = private(rsa.generate_private_key(65537, 2048))


@dataclass(frozen=True)
class Profile:
    """Two envelopes for one key, built alike around different contents, and how that key opens one."""

    one: bytes
    other: bytes
    opened: Callable[[bytes], bytes]


def authenticated(plain: bytes, number: int, *keys: PrivateKey) -> bytes:
    return authenvelope(plain, cek=bytes([number]) * 32, nonce=bytes([number]) * 12, to=[key.public for key in keys])


def shreddable(plain: bytes, number: int) -> bytes:
    return authenvelope(plain, cek=bytes([number]) * 32, nonce=bytes([number]) * 12, kek=KEK, kek_id=KEK_ID)


def standard(plain: bytes, number: int) -> bytes:
    return envelope(plain, to=[RSA.public], cek=bytes([number]) * 32, iv=bytes([number]) * 16)


PROFILES = {
    "shreddable": Profile(
        shreddable(PLAIN, 1), shreddable(OTHER, 2), lambda der: open_authenveloped(der, kek=KEK, kek_id=KEK_ID)
    ),
    "portable, ML-KEM-768": Profile(
        authenticated(PLAIN, 1, PERSON), authenticated(OTHER, 2, PERSON), lambda der: open_with_key(der, PERSON)
    ),
    "portable, ECDH": Profile(authenticated(PLAIN, 1, EC), authenticated(OTHER, 2, EC), lambda der: open_with_key(der, EC)),
    "ps3.15": Profile(standard(PLAIN, 1), standard(OTHER, 2), lambda der: open_with_key(der, RSA)),
}


def primitives(der: bytes, at: int = 0, stop: int | None = None) -> Iterator[tuple[int, int]]:
    """Where the primitive elements of a DER value lie, with tag and length."""
    stop = len(der) if stop is None else stop
    while at < stop:
        length, contents = der[at + 1], at + 2
        if length > 0x80:
            contents += length - 0x80
            length = int.from_bytes(der[at + 2 : contents], "big")
        if der[at] & 0x20:
            yield from primitives(der, contents, contents + length)
        else:
            yield at, contents + length
        at = contents + length


def flipped(chance: random.Random, one: bytes, _other: bytes) -> bytes:
    changed = bytearray(one)
    for _ in range(chance.choice((1, 1, 1, 2, 8))):
        changed[chance.randrange(len(one))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def cut(chance: random.Random, one: bytes, _other: bytes) -> bytes:
    return one[: chance.randrange(len(one))]


def grown(chance: random.Random, one: bytes, _other: bytes) -> bytes:
    return one + chance.randbytes(chance.randrange(1, 40))


def lost(chance: random.Random, one: bytes, _other: bytes) -> bytes:
    at = chance.randrange(len(one))
    return one[:at] + one[at + chance.randrange(1, 20) :]


def spliced(chance: random.Random, one: bytes, other: bytes) -> bytes:
    """Some elements (the wrapped key, the nonce, the content, the tag) are those of the other envelope."""
    differing = [place for place in primitives(one) if one[slice(*place)] != other[slice(*place)]]
    changed = bytearray(one)
    for start, stop in chance.sample(differing, chance.randrange(1, len(differing))):
        changed[start:stop] = other[start:stop]
    return bytes(changed)


def moved(chance: random.Random, one: bytes, _other: bytes) -> bytes:
    """Two elements have changed places."""
    (first, middle), (last, end) = sorted(chance.sample(list(primitives(one)), 2))
    return one[:first] + one[last:end] + one[middle:last] + one[first:middle] + one[end:]


def nulled(chance: random.Random, one: bytes, _other: bytes) -> bytes:
    start, stop = chance.choice(list(primitives(one)))
    return one[:start] + bytes(stop - start) + one[stop:]


def is_as_good_as(mutant: bytes, one: bytes) -> bool:
    """The mutant differs in the version of EnvelopedData alone: others write several, and nothing hangs on it."""
    _, (version, stop), *_ = primitives(one)
    return mutant == one[: stop - 1] + mutant[stop - 1 : stop] + one[stop:] and one[version:stop] == b"\x02\x01\x02"


MUTATIONS = (flipped, flipped, flipped, flipped, spliced, spliced, moved, cut, grown, lost, nulled)


@pytest.mark.parametrize("name", PROFILES)
def test_no_mutant_of_a_sealed_object_opens_as_what_was_sealed(name: str) -> None:
    """Of what is authenticated no mutant opens at all. AES-CBC authenticates nothing, and what opens is something else."""
    profile, chance, seen = PROFILES[name], random.Random(f"seal {name}"), Counter[str]()  # noqa: S311  chooses mutants
    assert profile.opened(profile.one) == PLAIN
    assert len(profile.one) == len(profile.other)
    while seen.total() < MUTANTS:
        mutation = chance.choice(MUTATIONS)
        mutant = mutation(chance, profile.one, profile.other)
        if mutant in (profile.one, profile.other) or (name == "ps3.15" and is_as_good_as(mutant, profile.one)):
            continue
        seen[mutation.__name__] += 1
        try:
            opened = profile.opened(mutant)
        except (SealBrokenError, InputError):
            continue
        assert name == "ps3.15", mutation.__name__
        assert opened != PLAIN, mutation.__name__
    assert min(seen[mutation.__name__] for mutation in MUTATIONS) > 50


@pytest.mark.parametrize("name", ["portable, ML-KEM-768", "portable, ECDH"])
def test_any_flipped_bit_of_an_envelope_for_a_person_is_noticed(name: str) -> None:
    profile = PROFILES[name]
    for bit in range(0, 8 * len(profile.one), 1 if len(profile.one) < 500 else 3):
        mutant = bytearray(profile.one)
        mutant[bit // 8] ^= 1 << bit % 8
        with pytest.raises((SealBrokenError, InputError)):
            profile.opened(bytes(mutant))


def test_wrapped_keys_that_changed_places_open_for_neither() -> None:
    sealed = authenticated(PLAIN, 1, PERSON, EC)
    assert open_with_key(sealed, PERSON) == open_with_key(sealed, EC) == PLAIN
    wrapped = [place for place in primitives(sealed) if place[1] - place[0] == 42]
    (first, middle), (last, end) = wrapped
    swapped = sealed[:first] + sealed[last:end] + sealed[middle:last] + sealed[first:middle] + sealed[end:]
    for key in (PERSON, EC):
        with pytest.raises(SealBrokenError):
            open_with_key(swapped, key)


def test_of_cbc_content_a_flipped_bit_comes_out_changed() -> None:
    """Why the caller of such an envelope checks a digest: nothing here notices."""
    body = PROFILES["ps3.15"].one
    changed = bytearray(body)
    changed[-len(PLAIN) - 16] ^= 1
    opened = open_with_key(bytes(changed), RSA)
    assert opened != PLAIN
    assert len(opened) == len(PLAIN)


@law
@given(
    st.binary(max_size=300),
    st.sets(st.sampled_from(["person", "ec", "kek"]), min_size=1),
    st.binary(min_size=44, max_size=44),
)
def test_everybody_named_opens_and_nobody_else(plain: bytes, named: set[str], secret: bytes) -> None:
    keys = {"person": PERSON, "ec": EC}
    to = [key.public for name, key in keys.items() if name in named]
    kek = {"kek": KEK, "kek_id": KEK_ID} if "kek" in named else {}
    sealed = authenvelope(plain, cek=secret[:32], nonce=secret[32:], to=to, **kek)
    for name, key in keys.items():
        if name in named:
            assert open_with_key(sealed, key) == plain
        else:
            with pytest.raises(SealBrokenError):
                open_with_key(sealed, key)
    assert kek_ids(sealed) == ((KEK_ID,) if "kek" in named else ())
    assert {each.key_id for each in recipients(sealed)} == {key.key_id for key in to} | ({KEK_ID} if kek else set())


@law
@given(st.binary(max_size=300))
def test_what_was_enveloped_for_rsa_comes_back(plain: bytes) -> None:
    assert open_with_key(envelope(plain, to=[RSA.public], cek=bytes(32), iv=bytes(16)), RSA) == plain


@law
@given(st.binary(max_size=300), st.binary(max_size=40), st.binary(max_size=40), st.data())
def test_a_record_opens_for_its_context_alone(record: bytes, context: bytes, other: bytes, data: st.DataObject) -> None:
    sealed = seal_for(record, to=PERSON.public, context=context)
    assert open_for(sealed, key=PERSON, context=context) == record
    changed = bytearray(sealed)
    changed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    for bad, about in ((bytes(changed), context), (sealed[:-1], context), (sealed + b"\0", context), (sealed, other + b".")):
        if (bad, about) != (sealed, context):
            with pytest.raises(SealBrokenError):
                open_for(bad, key=PERSON, context=about)


def nested(children: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Elements, some with open or wrong lengths, of the tags that envelopes have."""
    tags = st.sampled_from([0x30, 0x31, 0xA0, 0xA1, 0xA2, 0xA4, 0x24])
    return st.tuples(tags, st.lists(children, max_size=4), st.integers(0, 9)).map(
        lambda made: element(made[0], b"".join(made[1]), odd=made[2])
    )


def element(tag: int, contents: bytes, *, odd: int = 9) -> bytes:
    if odd == 0:
        return bytes([tag, 0x80]) + contents + b"\0\0"
    if odd == 1:
        return bytes([tag, 0x80]) + contents
    if odd == 2:
        return bytes([tag, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]) + contents
    size = (len(contents).bit_length() + 7) // 8
    if len(contents) < 0x80:
        return bytes([tag, len(contents)]) + contents
    return bytes([tag, 0x80 | size]) + len(contents).to_bytes(size, "big") + contents


IDS = [
    "2a864886f70d0109100117",
    "2a864886f70d010703",
    "2a864886f70d010701",
    "2a864886f70d010910030d03",
    "608648016503040402",
]
leaves = st.one_of(
    st.sampled_from([element(0x06, bytes.fromhex(each)) for each in IDS] + [b"\x02\x01\0", b"\x02\x01\3", b"\0\0", b"\5\0"]),
    st.tuples(st.sampled_from([0x02, 0x03, 0x04, 0x80]), st.binary(max_size=40)).map(lambda made: element(*made)),
)
trees = st.recursive(leaves, nested, max_leaves=25)


def opened_by_anything(der: bytes) -> None:
    """Everything that reads envelopes reads it, and raises nothing but our errors."""
    readers: list[Callable[[], object]] = [
        lambda: open_with_key(der, PERSON),
        lambda: open_with_key(der, EC),
        lambda: open_with_key(der, RSA),
        lambda: open_authenveloped(der, kek=KEK, kek_id=KEK_ID),
        lambda: open_enveloped(der, kek=KEK, kek_id=KEK_ID),
        lambda: recipients(der),
        lambda: kek_ids(der),
    ]
    for read in readers:
        try:
            read()
        except (SealBrokenError, InputError):
            continue


@settings(deadline=None, max_examples=150)
@given(st.one_of(trees, trees.map(lambda tree: element(0x30, element(0x06, bytes.fromhex(IDS[0])) + element(0xA0, tree)))))
def test_malformed_envelopes_raise_our_errors(der: bytes) -> None:
    opened_by_anything(der)


@pytest.mark.parametrize("name", PROFILES)
def test_mutants_raise_our_errors_whoever_reads_them(name: str) -> None:
    profile, chance = PROFILES[name], random.Random(name)  # noqa: S311  chooses mutants
    for _ in range(300):
        opened_by_anything(chance.choice(MUTATIONS)(chance, profile.one, profile.other))


@law
@given(st.data())
def test_malformed_key_files_raise_our_errors(data: st.DataObject) -> None:
    text = bytearray(
        data.draw(st.sampled_from([b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEA\n-----END PUBLIC KEY-----\n", KEY_FILE]))
    )
    for _ in range(data.draw(st.integers(0, 4))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    for read in (read_public, read_private):
        try:
            read(bytes(text))
        except InputError:
            continue


KEY_FILE = ec.derive_private_key(9, ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
