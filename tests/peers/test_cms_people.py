"""What we seal for people's keys, OpenSSL and GDCM open; what they seal so, we open."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pydicom
import pytest

from leadglass.errors import SealBrokenError
from leadglass.seal.cms import RecipientKind, authenvelope, envelope, open_enveloped, open_with_key, recipients
from leadglass.seal.public import PrivateKey, PublicKey, new_person_key, read_private, read_public, write_private
from leadglass.testing.films import small_film

pytestmark = pytest.mark.peer("openssl")

CEK, NONCE, IV = bytes(range(32, 64)), bytes(range(12)), bytes(range(16))
KEK, KEK_ID = bytes(range(32)), bytes(range(200, 216))
PLAIN = b"lung " * 4000
PERSON = new_person_key(seed=bytes(range(96)))
KINDS = {
    "rsa": ["rsa:2048"],
    "ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p384": ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
}


@pytest.fixture(scope="module")
def folder(peers: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``KIND_key.pem`` and ``KIND_cert.pem`` of each kind, made by OpenSSL."""
    where = tmp_path_factory.mktemp("people")
    for name, kind in KINDS.items():
        files = ["-keyout", f"{name}_key.pem", "-out", f"{name}_cert.pem"]
        command = [peers["openssl"], "req", "-x509", "-nodes", "-days", "30", "-subj", f"/CN=Test {name}", "-newkey", *kind]
        subprocess.run([*command, *files], cwd=where, capture_output=True, check=True, timeout=60)
    return where


def private(folder: Path, kind: str) -> PrivateKey:
    return read_private((folder / f"{kind}_key.pem").read_bytes())


def certified(folder: Path, kind: str) -> PublicKey:
    return read_public((folder / f"{kind}_cert.pem").read_bytes())


def openssl(peers: Mapping[str, str], folder: Path, *arguments: str, data: bytes = b"") -> bytes:
    command = [peers["openssl"], *arguments]
    return subprocess.run(command, cwd=folder, input=data, capture_output=True, check=True, timeout=60).stdout


def sealed(key: PublicKey, plain: bytes = PLAIN) -> bytes:
    if key.kind == "RSA":
        return envelope(plain, to=[key], cek=CEK, iv=IV)
    return authenvelope(plain, to=[key, PERSON.public], cek=CEK, nonce=NONCE, kek=KEK, kek_id=KEK_ID)


@pytest.mark.parametrize("kind", KINDS)
def test_openssl_opens_what_names_its_certificate(peers: Mapping[str, str], folder: Path, kind: str) -> None:
    names = ["-inkey", f"{kind}_key.pem", "-recip", f"{kind}_cert.pem"]
    envelope = sealed(certified(folder, kind))
    assert openssl(peers, folder, "cms", "-decrypt", "-inform", "DER", *names, data=envelope) == PLAIN


@pytest.mark.parametrize("kind", KINDS)
def test_openssl_opens_what_names_its_key(peers: Mapping[str, str], folder: Path, kind: str) -> None:
    envelope = sealed(private(folder, kind).public)
    names = ["-inkey", f"{kind}_key.pem"]
    assert openssl(peers, folder, "cms", "-decrypt", "-inform", "DER", *names, data=envelope) == PLAIN


def test_openssl_opens_an_envelope_for_people_with_the_key_of_the_site(peers: Mapping[str, str], folder: Path) -> None:
    secret = ["-secretkey", KEK.hex(), "-secretkeyid", KEK_ID.hex()]
    envelope = sealed(certified(folder, "ec"))
    assert openssl(peers, folder, "cms", "-decrypt", "-inform", "DER", *secret, data=envelope) == PLAIN


@pytest.mark.parametrize("streamed", ["-stream", "-nostream"])
@pytest.mark.parametrize("cipher", ["aes128", "aes-192-cbc", "aes256", "aes-128-gcm", "aes-192-gcm", "aes-256-gcm"])
@pytest.mark.parametrize("kind", KINDS)
def test_we_open_what_openssl_seals(peers: Mapping[str, str], folder: Path, kind: str, cipher: str, streamed: str) -> None:
    made = ["-encrypt", "-binary", streamed, "-outform", "DER", f"-{cipher}", f"{kind}_cert.pem"]
    der = openssl(peers, folder, "cms", *made, data=PLAIN)
    assert open_with_key(der, private(folder, kind)) == PLAIN
    with pytest.raises(SealBrokenError):
        open_with_key(der, PERSON)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("rsa", ["-keyid"]),
        ("ec", ["-keyid"]),
        ("ec", ["-keyopt", "ecdh_kdf_md:sha512"]),
        ("ec", ["-keyopt", "ecdh_kdf_md:sha256", "-keyopt", "ecdh_cofactor_mode:1"]),
        ("rsa", ["-keyopt", "rsa_padding_mode:oaep"]),
        ("rsa", ["-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha384", "-keyopt", "rsa_mgf1_md:sha256"]),
    ],
)
def test_we_open_what_openssl_seals_with_options(
    peers: Mapping[str, str], folder: Path, kind: str, options: list[str]
) -> None:
    made = ["-encrypt", "-binary", "-outform", "DER", "-aes256"]
    named = ["-recip", f"{kind}_cert.pem"]
    order = [*options, *named] if options == ["-keyid"] else [*named, *options]
    der = openssl(peers, folder, "cms", *made, *order, data=PLAIN)
    assert open_with_key(der, private(folder, kind)) == PLAIN


def test_we_open_our_part_of_what_openssl_seals_for_several(peers: Mapping[str, str], folder: Path) -> None:
    made = ["-encrypt", "-binary", "-outform", "DER", "-aes256", "-secretkey", KEK.hex(), "-secretkeyid", KEK_ID.hex()]
    der = openssl(peers, folder, "cms", *made, *[f"{kind}_cert.pem" for kind in KINDS], data=PLAIN)
    kinds = [each.kind for each in recipients(der)]
    assert sorted(kinds) == [RecipientKind.ECDH, RecipientKind.ECDH, RecipientKind.KEK, RecipientKind.RSA]
    assert open_enveloped(der, kek=KEK, kek_id=KEK_ID) == PLAIN
    for kind in KINDS:
        assert open_with_key(der, private(folder, kind)) == PLAIN


def test_openssl_reads_a_key_file_of_ours(peers: Mapping[str, str], folder: Path) -> None:
    """The passphrase is ASCII: OpenSSL takes its bytes as they are."""
    written = write_private(private(folder, "rsa"), passphrase="correct horse", randomness=bytes(range(64)))
    given = ["-passin", "pass:correct horse", "-pubout", "-outform", "DER"]
    assert openssl(peers, folder, "pkey", *given, data=written) == private(folder, "rsa").public.spki


@pytest.mark.parametrize("options", [["-scrypt"], ["-v2", "aes-128-cbc"], ["-v2", "aes-256-cbc", "-iter", "5000"]])
def test_we_read_encrypted_key_files_of_openssl(peers: Mapping[str, str], folder: Path, options: list[str]) -> None:
    made = ["-topk8", *options, "-passout", "pass:correct horse", "-in", "ec_key.pem"]
    written = openssl(peers, folder, "pkcs8", *made)
    assert read_private(written, passphrase="correct horse") == private(folder, "ec")


def film_sealed_by_gdcm(peers: Mapping[str, str], folder: Path) -> pydicom.FileDataset:
    (folder / "film.dcm").write_bytes(small_film())
    command = [peers["gdcmanon"], "-e", "-c", "rsa_cert.pem", "-i", "film.dcm", "-o", "sealed.dcm"]
    subprocess.run(command, cwd=folder, capture_output=True, check=True, timeout=60)
    return pydicom.dcmread(folder / "sealed.dcm")


def whole_der(content: bytes) -> bytes:
    """The content without the byte that pads a DICOM value to even length."""
    return content[: 4 + int.from_bytes(content[2:4], "big")]


@pytest.mark.peer("gdcmanon")
def test_we_open_what_gdcm_seals(peers: Mapping[str, str], folder: Path) -> None:
    content = film_sealed_by_gdcm(peers, folder).EncryptedAttributesSequence[0].EncryptedContent
    opened = open_with_key(whole_der(content), private(folder, "rsa"))
    assert small_film().find(b"P0083817264") > 0
    assert b"P0083817264" in opened


@pytest.mark.peer("gdcmanon")
@pytest.mark.parametrize("named", ["certificate", "key"])
def test_gdcm_opens_its_content_in_an_envelope_of_ours(peers: Mapping[str, str], folder: Path, named: str) -> None:
    film = film_sealed_by_gdcm(peers, folder)
    item = film.EncryptedAttributesSequence[0]
    opened = open_with_key(whole_der(item.EncryptedContent), private(folder, "rsa"))
    key = certified(folder, "rsa") if named == "certificate" else private(folder, "rsa").public
    again = envelope(opened, to=[key], cek=CEK, iv=IV)
    item.EncryptedContent = again + b"\0" * (len(again) % 2)
    film.save_as(folder / "again.dcm")
    command = [peers["gdcmanon"], "-d", "-k", "rsa_key.pem", "-c", "rsa_cert.pem", "-i", "again.dcm", "-o", "back.dcm"]
    subprocess.run(command, cwd=folder, capture_output=True, check=True, timeout=60)
    assert pydicom.dcmread(folder / "back.dcm").PatientID == "P0083817264"


def test_a_person_key_file_begins_with_a_key_that_others_read() -> None:
    """OpenSSL 3.5 and later read ML-KEM keys; here the block is checked by its base64 alone."""
    text = write_private(PERSON, passphrase=None, randomness=bytes(64)).decode()
    head, begin, *body = text.splitlines()
    assert (head, begin) == ("leadglass/person-key@v1", "-----BEGIN PRIVATE KEY-----")
    assert base64.b64decode("".join(body[: body.index("-----END PRIVATE KEY-----")]))
