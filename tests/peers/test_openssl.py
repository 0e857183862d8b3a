"""What we seal for files, OpenSSL opens; what OpenSSL seals so, we open."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

import pytest

from leadglass.errors import SealBrokenError
from leadglass.seal.cms import authenvelope, kek_ids, open_authenveloped

pytestmark = pytest.mark.peer("openssl")

KEK, KEK_ID, CEK, NONCE = bytes(range(32)), bytes(range(200, 216)), bytes(range(32, 64)), bytes(range(12))


def cms(peers: Mapping[str, str], *arguments: str, data: bytes) -> bytes:
    """The output of ``openssl cms`` over ``data``, with our key."""
    keys = ["-secretkey", KEK.hex(), "-secretkeyid", KEK_ID.hex()]
    command = [peers["openssl"], "cms", *arguments, *keys]
    return subprocess.run(command, input=data, capture_output=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("size", [0, 100, 70_000, 10 << 20])
def test_openssl_opens_our_envelope(peers: Mapping[str, str], size: int) -> None:
    plain = bytes(range(256)) * (size // 256) + bytes(size % 256)
    envelope = authenvelope(plain, kek=KEK, kek_id=KEK_ID, cek=CEK, nonce=NONCE)
    assert cms(peers, "-decrypt", "-inform", "DER", data=envelope) == plain


def test_openssl_refuses_our_envelope_once_it_is_changed(peers: Mapping[str, str]) -> None:
    envelope = authenvelope(b"heart", kek=KEK, kek_id=KEK_ID, cek=CEK, nonce=NONCE)
    with pytest.raises(subprocess.CalledProcessError):
        cms(peers, "-decrypt", "-inform", "DER", data=envelope[:-1] + bytes([envelope[-1] ^ 1]))


def openssl_envelope(peers: Mapping[str, str], plain: bytes) -> bytes:
    return cms(peers, "-encrypt", "-binary", "-nostream", "-outform", "DER", "-aes-256-gcm", data=plain)


def test_we_open_the_envelope_of_openssl(peers: Mapping[str, str]) -> None:
    envelope = openssl_envelope(peers, b"lung " * 1000)
    assert kek_ids(envelope) == (KEK_ID,)
    assert open_authenveloped(envelope, kek=KEK, kek_id=KEK_ID) == b"lung " * 1000


def test_we_refuse_the_envelope_of_openssl_once_it_is_changed(peers: Mapping[str, str]) -> None:
    envelope = openssl_envelope(peers, b"lung " * 1000)
    with pytest.raises(SealBrokenError):
        open_authenveloped(envelope[:-1] + bytes([envelope[-1] ^ 1]), kek=KEK, kek_id=KEK_ID)
