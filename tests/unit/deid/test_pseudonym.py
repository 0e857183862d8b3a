"""Keyed pseudonyms."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable

import pytest

from leadglass.deid.pseudonym import DIGESTS, PseudonymKeys
from leadglass.dicom.uids import is_uid, keyed_uid
from leadglass.errors import ConfigError

KEYS = PseudonymKeys(bytes(range(32)))
OTHER = PseudonymKeys(bytes(range(1, 33)))
KINDS = ["uid", "patient_id", "accession", "name", "title", "days"]


def test_a_pseudonym_is_equal_wherever_the_key_is() -> None:
    assert PseudonymKeys(bytes(range(32))).patient_id("4711") == KEYS.patient_id("4711")


@pytest.mark.parametrize(
    ("kind", "original", "expected"),
    [
        ("uid", "1.2.3", "2.25.148770112136714677251739536307492347350"),
        ("patient_id", "id 4711", "QRONGWCVR64MJYEQJ5CM"),
        ("accession", "A1", "SCC4Q2TFE2MRXZNU"),
        ("name", "王小东", "VVZKMFVXHZATA5VL"),
    ],
)
def test_the_pseudonyms_of_a_site_never_change(kind: str, original: str, expected: str) -> None:
    assert getattr(KEYS, kind)(original) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_another_key_gives_another_pseudonym(kind: str) -> None:
    assert getattr(KEYS, kind)("1.2.3") != getattr(OTHER, kind)("1.2.3")


def test_kinds_are_apart() -> None:
    made = {KEYS.patient_id("1")[:16], KEYS.accession("1"), KEYS.name("1"), KEYS.title("1")}
    assert len(made) == 4


@pytest.mark.parametrize("length", [32, 33, 64, 65, 200])
def test_a_uid_is_the_keyed_uid_of_the_site(length: int) -> None:
    assert PseudonymKeys(bytes(length)).uid("1.2.3") == keyed_uid(bytes(length), kind="pseudonym", value="1.2.3")


@pytest.mark.parametrize("digest", DIGESTS)
@pytest.mark.parametrize("length", [32, 64, 65])
def test_a_pseudonym_is_an_hmac(digest: str, length: int) -> None:
    message = b"leadglass/pseudonym@v1\0name\0" + "王".encode()
    expected = base64.b32encode(hmac.digest(bytes(length), message, digest))[:16].decode()
    assert PseudonymKeys(bytes(length), digest).name("王") == expected


def test_sm3_is_the_digest_of_the_standard() -> None:
    """GB/T 32905-2016, example 1."""
    assert hashlib.new("sm3", b"abc").hexdigest() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


def test_a_uid_is_one() -> None:
    made = [KEYS.uid(str(number)) for number in range(500)]
    assert all(is_uid(uid) and re.fullmatch(r"2\.25\.[0-9]{36,39}", uid) for uid in made)


def test_a_patient_id_is_a_name_and_an_id() -> None:
    assert re.fullmatch("[A-Z2-7]{20}", KEYS.patient_id("王小东"))


@pytest.mark.parametrize("kind", ["accession", "name", "title"])
def test_a_text_fits_its_vr(kind: str) -> None:
    assert re.fullmatch("[A-Z2-7]{16}", getattr(KEYS, kind)("A" * 100))


def test_undecodable_bytes_have_a_pseudonym() -> None:
    assert KEYS.uid("1.2\udcff") != KEYS.uid("1.2\udcfe")


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        PseudonymKeys(b"secret")


def test_a_short_master_is_refused() -> None:
    with pytest.raises(ConfigError, match="32 bytes"):
        PseudonymKeys.derive(b"secret", project="", recipient="")


@pytest.mark.parametrize("digest", ["", "md5", "sha1", "SHA256", "no such digest"])
def test_an_unknown_digest_is_refused(digest: str) -> None:
    with pytest.raises(ConfigError) as caught:
        PseudonymKeys.derive(bytes(32), project="p", recipient="r", digest=digest)
    assert "sha256, sm3" in (caught.value.hint or "")


def test_the_key_is_not_printed() -> None:
    assert "secret" not in repr(PseudonymKeys(b"secret" * 6))


def test_each_project_recipient_and_digest_has_keys_of_its_own() -> None:
    names = [("a", "b"), ("b", "a"), ("ab", ""), ("", "ab"), ("a\0", "b"), ("a", "\0b"), ("", "")]
    derived = [
        PseudonymKeys.derive(bytes(32), project=project, recipient=recipient, digest=digest)
        for project, recipient in names
        for digest in DIGESTS
    ]
    assert len({keys.key for keys in derived} | {bytes(32)}) == len(derived) + 1
    assert len({keys.patient_id("4711") for keys in derived}) == len(derived)


def test_derived_keys_are_equal_in_any_process() -> None:
    assert PseudonymKeys.derive(bytes(32), project="lung", recipient="大学").patient_id("4711") == "FTYCSKCE7EGAJUJROMT6"


def unkeyed() -> list[Callable[[str], str]]:
    """What an attacker can compute who knows all of the source and has no key."""

    def digested(name: str) -> Callable[[str], str]:
        return lambda guess: base64.b32encode(hashlib.new(name, guess.encode()).digest()).decode()[:20]

    keys = [PseudonymKeys(key) for key in (bytes(32), b"\xff" * 32, b"leadglass" * 4)]
    return [*map(digested, ("md5", "sha1", "sha256", "sm3")), *(each.patient_id for each in keys)]


def test_without_the_key_no_guess_confirms_anything() -> None:
    """Reduced: every id of four digits. Each guess is wrong by each recipe, though the right one is among them."""
    target = KEYS.patient_id("id 4711")
    guesses = [f"{prefix}{number:04d}" for prefix in ("id ", "") for number in range(10_000)]
    assert not any(recipe(guess) == target for recipe in unkeyed() for guess in guesses)
    assert [guess for guess in guesses if KEYS.patient_id(guess) == target] == ["id 4711"]
