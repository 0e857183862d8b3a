"""The seal against public vectors: OpenSSL's envelopes and Wycheproof's AES-GCM, from ``LEADGLASS_VECTORS``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from leadglass.errors import MalformedError, SealBrokenError
from leadglass.seal.cms import authenvelope, kek_ids, open_authenveloped

KEK, KEK_ID = bytes(range(32)), b"id"


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def aes_256_gcm(folder: Path) -> list[dict[str, str]]:
    """The Wycheproof tests for the one shape of AES-GCM that our envelopes have, without associated data."""
    groups = load(folder / "wycheproof/aes_gcm_test.json")["testGroups"]
    shaped = [group for group in groups if (group["keySize"], group["ivSize"], group["tagSize"]) == (256, 96, 128)]
    return [test for group in shaped for test in group["tests"] if not test["aad"]]


def test_envelopes_hold_the_ciphertext_and_tag_of_wycheproof(vectors_folder: Path) -> None:
    tests = [test for test in aes_256_gcm(vectors_folder) if test["result"] == "valid"]
    assert tests
    for test in tests:
        message, key, nonce = (bytes.fromhex(test[name]) for name in ("msg", "key", "iv"))
        envelope = authenvelope(message, kek=KEK, kek_id=KEK_ID, cek=key, nonce=nonce)
        assert envelope.endswith(bytes.fromhex(test["ct"] + "0410" + test["tag"])), test["tcId"]


def test_envelopes_with_the_wrong_tags_of_wycheproof_are_refused(vectors_folder: Path) -> None:
    tests = [test for test in aes_256_gcm(vectors_folder) if test["result"] == "invalid"]
    assert tests
    for test in tests:
        key, nonce, sealed, tag = (bytes.fromhex(test[name]) for name in ("key", "iv", "ct", "tag"))
        whole = authenvelope(bytes(len(sealed)), kek=KEK, kek_id=KEK_ID, cek=key, nonce=nonce)
        forged = whole[: len(whole) - len(sealed) - 18] + sealed + b"\x04\x10" + tag
        with pytest.raises(SealBrokenError):
            open_authenveloped(forged, kek=KEK, kek_id=KEK_ID)


@pytest.mark.parametrize("name", ["authenveloped_aes256gcm_two.der", "rfc9936_mlkem512_authenveloped.der"])
def test_an_envelope_without_symmetric_recipients_has_no_key_ids(vectors_folder: Path, name: str) -> None:
    assert kek_ids((vectors_folder / "cms" / name).read_bytes()) == ()


def test_an_envelope_without_authentication_is_refused(vectors_folder: Path) -> None:
    facts = load(vectors_folder / "cms/index.json")
    envelope = (vectors_folder / "cms/enveloped_aes256cbc_kek.der").read_bytes()
    with pytest.raises(MalformedError, match="AuthEnvelopedData"):
        open_authenveloped(envelope, kek=bytes.fromhex(facts["kek_hex"]), kek_id=bytes.fromhex(facts["kek_id_hex"]))


def test_rfc3394_256_bit_key_wrap() -> None:
    """RFC 3394 section 4.6: the wrapped key is what stands in the recipient."""
    kek = bytes.fromhex("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F")
    cek = bytes.fromhex("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F")
    wrapped = bytes.fromhex("28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21")
    assert b"\x04\x28" + wrapped in authenvelope(b"", kek=kek, kek_id=KEK_ID, cek=cek, nonce=bytes(12))
