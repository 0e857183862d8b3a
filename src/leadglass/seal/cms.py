"""Sealed bytes that travel inside a DICOM file: CMS envelopes.

``authenvelope`` writes AuthEnvelopedData (RFC 5083) with AES-256-GCM (RFC 5084), the content key under a key-encryption key
of the site, under the public keys of named people, or both. ``envelope`` writes what PS3.15 E.1.1 asks for: EnvelopedData
with AES-256-CBC (RFC 3565) and RSA. Their recipients are in ``recipients``. Any CMS tool that has a key opens them.

What is written is DER. What a key-encryption key of ours opens has to be DER too; what other people's programs write for a
public key may be BER.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES, SM4
from cryptography.hazmat.primitives.ciphers.modes import CBC, GCM
from cryptography.hazmat.primitives.padding import PKCS7

from leadglass.errors import InputError, MalformedError, SealBrokenError
from leadglass.seal.der import INTEGER, OCTETS, OID, SEQUENCE, SET, Reader, definite, element, head, integer, set_of
from leadglass.seal.public import KeyKind, PrivateKey, PublicKey
from leadglass.seal.recipients import (
    MAX_RECIPIENTS,
    Entry,
    KekEntry,
    OtherEntry,
    RecipientKind,
    TransportEntry,
    agreement_info,
    content_key,
    kek_info,
    kem_info,
    kind_for,
    kind_of,
    read_entries,
    transport_info,
    transport_version,
    unwrapped,
    wraps_with_aes_256,
)

KEY_SIZE = 32
NONCE_SIZE = 12
IV_SIZE = 16
MAX_CONTENT = 2**31 - 64
"""Bytes; what one AES-GCM call takes."""

_EXPLICIT_CONTENT = _ORIGINATOR = 0xA0
_ENCRYPTED_CONTENT, _CONTENT_IN_PIECES = 0x80, 0xA0
_ATTRIBUTES, _UNAUTH_ATTRIBUTES = 0xA1, 0xA2

_AUTH_ENVELOPED_DATA = bytes.fromhex("2a864886f70d0109100117")  # 1.2.840.113549.1.9.16.1.23
_ENVELOPED_DATA = bytes.fromhex("2a864886f70d010703")  # 1.2.840.113549.1.7.3
_VERSIONS: Mapping[bytes, tuple[bytes, ...]] = {  # RFC 5083 section 2.1, RFC 5652 section 6.1
    _AUTH_ENVELOPED_DATA: (b"\x00",),
    _ENVELOPED_DATA: (b"\x00", b"\x02", b"\x03", b"\x04"),
}
_DATA = bytes.fromhex("2a864886f70d010701")  # 1.2.840.113549.1.7.1
_AES256_GCM = bytes.fromhex("60864801650304012e")  # 2.16.840.1.101.3.4.1.46
_AES256_CBC = bytes.fromhex("60864801650304012a")  # 2.16.840.1.101.3.4.1.42
_GCM: Mapping[bytes, int] = {
    bytes.fromhex("608648016503040106"): 16,
    bytes.fromhex("60864801650304011a"): 24,
    _AES256_GCM: 32,
}
_CBC: Mapping[bytes, tuple[type[AES] | type[SM4], int]] = {
    bytes.fromhex("608648016503040102"): (AES, 16),
    bytes.fromhex("608648016503040116"): (AES, 24),
    _AES256_CBC: (AES, 32),
    bytes.fromhex("2a811ccf55016802"): (SM4, 16),  # 1.2.156.10197.1.104.2
}
_TAG = 16
_BLOCK = 16
_SHUT = "the key does not open the envelope: another key, or the envelope was changed"


@dataclass(frozen=True)
class Recipient:
    """Somebody who can open an envelope.

    ``key_id`` is the id of the key as the envelope gives it: 20 bytes for most public keys, the DER IssuerAndSerialNumber
    where a certificate is named, what the site chose for a key-encryption key, nothing for a kind that is not known.
    """

    kind: RecipientKind
    key_id: bytes


def authenvelope(
    plaintext: bytes, *, cek: bytes, nonce: bytes, kek: bytes = b"", kek_id: bytes = b"", to: Sequence[PublicKey] = ()
) -> bytes:
    """``plaintext`` as a DER AuthEnvelopedData for the holder of ``kek``, who finds it by ``kek_id``, and those of ``to``.

    ``cek`` is the 32-byte content key and ``nonce`` 12 bytes; the pair never encrypts twice. With a key-encryption key alone
    the same arguments give the same bytes; what is made for a public key takes its randomness from OpenSSL.

    Raises:
        InputError: a key, the id or the nonce has a length that does not do, nobody or 100 people are to open it, a key
            in ``to`` is neither ML-KEM nor EC, or there are more than 2 GiB.
    """
    _check_length("content key", cek, KEY_SIZE)
    _check_length("nonce", nonce, NONCE_SIZE)
    if kek or kek_id or not to:
        _check_length("key-encryption key", kek, KEY_SIZE)
        if not kek_id:
            raise InputError("a CMS recipient needs a key id")
    _check_size(plaintext, to)
    infos = [_info_for(cek, key) for key in to]
    infos += [kek_info(cek, kek=kek, kek_id=kek_id)] if kek else []
    sealed = memoryview(AESGCM(cek).encrypt(nonce, plaintext, None))
    gcm = element(SEQUENCE, element(OID, _AES256_GCM), element(SEQUENCE, element(OCTETS, nonce), integer(_TAG)))
    front = integer(0) + set_of(*infos)
    return _assembled(_AUTH_ENVELOPED_DATA, front, gcm, body=sealed[:-_TAG], behind=element(OCTETS, sealed[-_TAG:]))


def envelope(plaintext: bytes, *, to: Sequence[PublicKey], cek: bytes, iv: bytes) -> bytes:
    """``plaintext`` as a DER EnvelopedData with AES-256-CBC for the holders of the RSA keys ``to``, after PS3.15 E.1.1.

    Nothing in it is authenticated: a change shows only against a digest kept elsewhere. ``cek`` is the 32-byte content key
    and ``iv`` 16 bytes; both are random and never used again. The padding of RSA takes its randomness from OpenSSL.

    Raises:
        InputError: the key or the iv has a length that does not do, nobody or 100 people are to open it, a key in ``to``
            is no RSA key, or there are more than 2 GiB.
    """
    _check_length("content key", cek, KEY_SIZE)
    _check_length("initialisation vector", iv, IV_SIZE)
    if not to:
        raise InputError("a CMS envelope needs somebody who opens it")
    _check_size(plaintext, to)
    infos = [transport_info(cek, key) for key in to]
    padder, cipher = PKCS7(8 * _BLOCK).padder(), Cipher(AES(cek), CBC(iv)).encryptor()
    whole = len(plaintext) - len(plaintext) % _BLOCK
    last = padder.update(plaintext[whole:]) + padder.finalize()
    body = cipher.update(memoryview(plaintext)[:whole]) + cipher.update(last) + cipher.finalize()
    algorithm = element(SEQUENCE, element(OID, _AES256_CBC), element(OCTETS, iv))
    # RFC 5652 section 6.1: version 0 where every recipient has version 0.
    version = 2 if any(transport_version(key) for key in to) else 0
    return _assembled(_ENVELOPED_DATA, integer(version) + set_of(*infos), algorithm, body=memoryview(body), behind=b"")


def open_authenveloped(der: bytes, *, kek: bytes, kek_id: bytes) -> bytes:
    """The content, for the holder of ``kek``. Recipients of other kinds or with other ids are passed over.

    Raises:
        MalformedError: not a DER AuthEnvelopedData with AES-256-GCM.
        SealBrokenError: it was changed, has no recipient ``kek_id``, or ``kek`` is not that recipient's key.
        InputError: the key has another length.
    """
    _check_length("key-encryption key", kek, KEY_SIZE)
    found = _read_envelope(der)
    if not found.authenticated:
        raise MalformedError("CMS: the content is not AuthEnvelopedData")
    return _open_with_kek(found, kek=kek, kek_id=kek_id, algorithms=(_AES256_GCM,))


def open_enveloped(der: bytes, *, kek: bytes, kek_id: bytes) -> bytes:
    """The content of an EnvelopedData that another program wrote for the holder of ``kek``, 16, 24 or 32 bytes.

    Nothing in it is authenticated: the caller checks the content against a digest that came another way.

    Raises:
        MalformedError: not an EnvelopedData with AES-CBC or SM4-CBC.
        SealBrokenError: it has no recipient ``kek_id``, ``kek`` is not that recipient's key, or it was changed in a way that
            its padding shows.
    """
    found = _read_envelope(definite(der))
    if found.authenticated:
        raise MalformedError("CMS: the content is not EnvelopedData")
    return _open_with_kek(found, kek=kek, kek_id=kek_id, algorithms=tuple(_CBC))


def open_with_key(der: bytes, key: PrivateKey) -> bytes:
    """The content of an AuthEnvelopedData or EnvelopedData, for the holder of a private key.

    AES-GCM, and AES-CBC or SM4-CBC with padding; content keys by ML-KEM, ECDH or RSA. Of AuthEnvelopedData nothing is given
    out before its tag is verified. In EnvelopedData nothing is authenticated: whoever changes it changes what comes out, so
    the caller checks the content against a digest that came another way, and hands nothing of it to somebody who may have
    changed it, who may even have made it of an AuthEnvelopedData (RFC 9709 section 1). For the same reason the error is one
    and the same whatever did not fit.

    Raises:
        MalformedError: no such envelope, or an algorithm that is not read here.
        SealBrokenError: it has no recipient of this kind, this key opens none, or it was changed. A recipient that is named
            by a certificate's own key id takes that certificate beside the private key (``read_private``).
    """
    found = _read_envelope(definite(der))
    content = _read_content(found, algorithms=(*_GCM,) if found.authenticated else (*_CBC,))
    entries = list(read_entries(found.recipients, of=frozenset({kind_for(key)})))
    entries = [entry for entry in entries if not isinstance(entry, OtherEntry)]
    if not entries:
        raise SealBrokenError("the envelope has no recipient with a key of this kind", hint="it was sealed for other people")
    for cek in _content_keys(entries, key, size=content.key_size):
        opened = content.opened(cek)
        if opened is not None:
            return opened
    raise SealBrokenError(_SHUT)


def is_for(der: bytes, key: PrivateKey) -> bool:
    """Whether an AuthEnvelopedData has a recipient whose wrapped content key verifies under this private key.

    RSA verifies nothing, so it is never certain of an RSA key. What is for a key and does not open was changed.

    Raises:
        MalformedError: no such envelope.
    """
    found = _read_envelope(definite(der))
    entries = read_entries(found.recipients, of=frozenset({kind_for(key)}))
    certain = [entry for entry in entries if not isinstance(entry, OtherEntry | TransportEntry)]
    return found.authenticated and any(
        content_key(each, key) is not None for each in certain if key.public.may_be(_name(each))
    )


def authenticates(der: bytes) -> bool:
    """Whether a change would show: AuthEnvelopedData does, EnvelopedData does not.

    Raises:
        MalformedError: it is neither.
    """
    return _read_envelope(definite(der)).authenticated


def kek_ids(der: bytes) -> tuple[bytes, ...]:
    """The key ids of the symmetric recipients, in the order of the file: which keys open it.

    Raises:
        MalformedError: not a DER AuthEnvelopedData.
    """
    found = _read_envelope(der)
    if not found.authenticated:
        raise MalformedError("CMS: the content is not AuthEnvelopedData")
    return tuple(entry.name for entry in _kek_entries(found) if wraps_with_aes_256(entry))


def recipients(der: bytes) -> tuple[Recipient, ...]:
    """Everybody who can open an AuthEnvelopedData or EnvelopedData, in the order of the file.

    Raises:
        MalformedError: no such envelope, or a recipient that is not built as its kind is.
    """
    found = _read_envelope(definite(der))
    return tuple(Recipient(kind_of(entry), _key_id(entry)) for entry in read_entries(found.recipients))


@dataclass(frozen=True)
class _Envelope:
    """What an envelope is made of; ``recipients`` and ``rest`` are read once."""

    authenticated: bool
    recipients: Reader
    rest: Reader


@dataclass(frozen=True)
class _Content:
    """Encrypted content. ``mac`` is empty where there is none."""

    algorithm: bytes
    nonce: bytes
    body: memoryview | bytes
    attributes: bytes | None
    mac: bytes

    @property
    def key_size(self) -> int:
        return _GCM[self.algorithm] if self.algorithm in _GCM else _CBC[self.algorithm][1]

    def opened(self, cek: bytes) -> bytes | None:
        """The plain content; None where the tag or the padding does not verify."""
        if self.algorithm in _GCM:
            # Content and tag lie apart in an envelope; the AEAD interface would have them copied together first.
            gcm = Cipher(AES(cek), GCM(self.nonce, self.mac)).decryptor()
            gcm.authenticate_additional_data(self.attributes or b"")
            plain = gcm.update(self.body)
            try:
                return plain + gcm.finalize()
            except InvalidTag:
                return None
        cipher = Cipher(_CBC[self.algorithm][0](cek), CBC(self.nonce)).decryptor()
        front, last = cipher.update(self.body[:-_BLOCK]), cipher.update(self.body[-_BLOCK:])
        unpadder = PKCS7(8 * _BLOCK).unpadder()
        try:
            return front + unpadder.update(last) + unpadder.finalize()
        except ValueError:
            return None


def _info_for(cek: bytes, key: PublicKey) -> bytes:
    if key.kind is KeyKind.RSA:
        raise InputError("an RSA key opens no authenticated envelope", hint="the profile ps3.15 is the one for RSA keys")
    return agreement_info(cek, key) if key.kind in (KeyKind.P256, KeyKind.P384, KeyKind.P521) else kem_info(cek, key)


def _assembled(kind: bytes, front: bytes, algorithm: bytes, *, body: memoryview, behind: bytes) -> bytes:
    """A ContentInfo. The content is joined once, at the end: until then only what stands before it is built."""
    content = head(_ENCRYPTED_CONTENT, len(body))
    inner = element(OID, _DATA) + algorithm + content
    front += head(SEQUENCE, len(inner) + len(body)) + inner
    for tag, before in ((SEQUENCE, b""), (_EXPLICIT_CONTENT, element(OID, kind)), (SEQUENCE, b"")):
        front = before + head(tag, len(front) + len(body) + len(behind)) + front
    return b"".join((front, body, behind))


def _read_envelope(der: bytes) -> _Envelope:
    outside = Reader(der)
    content_info = outside.take(SEQUENCE)
    outside.check_done()
    kind = content_info.take(OID).octets
    if kind not in _VERSIONS:
        raise MalformedError("CMS: the content is neither AuthEnvelopedData nor EnvelopedData")
    explicit = content_info.take(_EXPLICIT_CONTENT)
    content_info.check_done()
    inside = explicit.take(SEQUENCE)
    explicit.check_done()
    if inside.take(INTEGER).octets not in _VERSIONS[kind]:
        raise MalformedError("CMS: the version of the envelope is not one that its kind has")
    if inside.tag == _ORIGINATOR:
        inside.take()
    return _Envelope(kind == _AUTH_ENVELOPED_DATA, inside.take(SET), inside)


def _kek_entries(found: _Envelope) -> Iterator[KekEntry]:
    for entry in read_entries(found.recipients, of=frozenset({RecipientKind.KEK})):
        if isinstance(entry, KekEntry):
            yield entry


def _open_with_kek(found: _Envelope, *, kek: bytes, kek_id: bytes, algorithms: Sequence[bytes]) -> bytes:
    """The content, by the first recipient of that id whose wrapped key verifies: several may share an id by chance."""
    entries = [entry for entry in _kek_entries(found) if entry.name == kek_id]
    if not entries:
        raise SealBrokenError("the envelope has no recipient with this key id", hint="the key is of another file or region")
    ceks = [unwrapped(entry.wrapped, kek=kek, wrap=entry.wrap) for entry in entries]
    content = _read_content(found, algorithms=algorithms)
    cek = next((each for each in ceks if each is not None and len(each) == content.key_size), None)
    if cek is None:
        raise SealBrokenError(_SHUT)
    opened = content.opened(cek)
    if opened is None:
        raise SealBrokenError("the content of the envelope was changed")
    return opened


def _content_keys(entries: Sequence[Entry], key: PrivateKey, *, size: int) -> Iterator[bytes]:
    """Content keys of that size to try, of the recipients that name this key or may do so."""
    for entry in (entry for entry in entries if key.public.may_be(_name(entry))):
        cek = content_key(entry, key)
        if cek is not None and len(cek) != size and isinstance(entry, TransportEntry):
            # Going on with a key that nobody foretells answers as for a key of the right length (RFC 3218 section 2.3.2).
            cek = sha256(cek).digest()[:size]
        if cek is not None and len(cek) == size:
            yield cek


def _name(entry: Entry) -> bytes:
    return b"" if isinstance(entry, OtherEntry) else entry.name


def _key_id(entry: Entry) -> bytes:
    name = _name(entry)
    return Reader(name).take().octets if name[:1] == b"\x80" and not isinstance(entry, KekEntry) else name


def _read_content(found: _Envelope, *, algorithms: Sequence[bytes]) -> _Content:
    inside = found.rest
    info = inside.take(SEQUENCE)
    if info.take(OID).octets != _DATA:
        raise MalformedError("CMS: the encrypted content is not plain data")
    scheme = info.take(SEQUENCE)
    algorithm = scheme.take(OID).octets
    if algorithm not in algorithms:
        raise MalformedError("CMS: the content is encrypted with an algorithm that does not belong here")
    nonce = _take_gcm_nonce(scheme) if algorithm in _GCM else scheme.take(OCTETS).octets
    scheme.check_done()
    body = _take_body(info)
    info.check_done()
    if len(body) > MAX_CONTENT:
        raise MalformedError("CMS: the content has more than 2 GiB")
    attributes, mac = None, b""
    if inside.tag == _ATTRIBUTES:
        # RFC 5083 section 2.2: they are authenticated as the SET they are, not under their implicit tag.
        attributes = element(SET, inside.take().view)
    if found.authenticated:
        mac = inside.take(OCTETS).octets
        if inside.tag == _UNAUTH_ATTRIBUTES:
            inside.take()
        if len(mac) != _TAG:
            raise MalformedError(f"CMS: the tag has {len(mac)} bytes, not {_TAG}")
    elif len(nonce) != IV_SIZE or not len(body) or len(body) % _BLOCK:
        raise MalformedError("CMS: the content is not one of whole blocks after an initialisation vector of one")
    inside.check_done()
    return _Content(algorithm, nonce, body, attributes, mac)


def _take_gcm_nonce(scheme: Reader) -> bytes:
    parameters = scheme.take(SEQUENCE)
    nonce = parameters.take(OCTETS).octets
    if len(nonce) != NONCE_SIZE or parameters.take(INTEGER).octets != bytes([_TAG]):
        raise MalformedError("CMS: AES-GCM with another nonce or tag length than 12 and 16 bytes")
    parameters.check_done()
    return nonce


def _take_body(info: Reader) -> memoryview | bytes:
    """The encrypted content, which BER may have cut into OCTET STRINGs."""
    if info.tag != _CONTENT_IN_PIECES:
        return info.take(_ENCRYPTED_CONTENT).view
    pieces = info.take()
    joined = [pieces.take(OCTETS).view]
    while not pieces.done:
        joined.append(pieces.take(OCTETS).view)
    return b"".join(joined)


def _check_size(plaintext: bytes, to: Sequence[PublicKey]) -> None:
    if len(plaintext) > MAX_CONTENT:
        raise InputError("a CMS envelope has at most 2 GiB")
    if len(to) >= MAX_RECIPIENTS:
        raise InputError(f"a CMS envelope is for fewer than {MAX_RECIPIENTS} people, not {len(to)}")


def _check_length(what: str, value: bytes, length: int) -> None:
    if len(value) != length:
        raise InputError(f"a CMS {what} has {length} bytes, not {len(value)}")
