"""Sealed bytes that travel inside a DICOM file: CMS AuthEnvelopedData.

RFC 5083 with AES-256-GCM content (RFC 5084), the content key under a symmetric key-encryption key (KEKRecipientInfo,
RFC 5652 section 6.2.3) with AES-256 key wrap (RFC 3394, RFC 3565). Any CMS tool that has the key opens it. What is
written is DER; what is read has to be DER too, and is walked once, without copies and without recursion.
"""

from __future__ import annotations

from collections.abc import Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from leadglass.errors import InputError, MalformedError, SealBrokenError

KEY_SIZE = 32
NONCE_SIZE = 12
MAX_CONTENT = 2**31 - 64
"""Bytes; what one AES-GCM call takes."""

_INTEGER, _OCTETS, _OID, _SEQUENCE, _SET = 0x02, 0x04, 0x06, 0x30, 0x31
_EXPLICIT_CONTENT = _ORIGINATOR = 0xA0
_ENCRYPTED_CONTENT = 0x80
_AUTH_ATTRIBUTES = 0xA1
_UNAUTH_ATTRIBUTES = _KEK_RECIPIENT = 0xA2

_AUTH_ENVELOPED_DATA = bytes.fromhex("2a864886f70d0109100117")  # 1.2.840.113549.1.9.16.1.23
_DATA = bytes.fromhex("2a864886f70d010701")  # 1.2.840.113549.1.7.1
_AES256_WRAP = bytes.fromhex("60864801650304012d")  # 2.16.840.1.101.3.4.1.45
_AES256_GCM = bytes.fromhex("60864801650304012e")  # 2.16.840.1.101.3.4.1.46
_TAG = 16
_WRAPPED_KEY = KEY_SIZE + 8


def authenvelope(plaintext: bytes, *, kek: bytes, kek_id: bytes, cek: bytes, nonce: bytes) -> bytes:
    """``plaintext`` as a DER AuthEnvelopedData for the holder of ``kek``, who finds it by ``kek_id``.

    ``cek`` is the 32-byte content key and ``nonce`` 12 bytes; the pair never encrypts twice.

    Raises:
        InputError: a key, the id or the nonce has a length that does not do, or there are more than 2 GiB.
    """
    _check_length("key-encryption key", kek, KEY_SIZE)
    _check_length("content key", cek, KEY_SIZE)
    _check_length("nonce", nonce, NONCE_SIZE)
    if not kek_id or len(plaintext) > MAX_CONTENT:
        raise InputError("a CMS envelope needs a key id and has at most 2 GiB")
    sealed = memoryview(AESGCM(cek).encrypt(nonce, plaintext, None))
    recipient = _der(
        _KEK_RECIPIENT,
        _der(_INTEGER, b"\x04"),
        _der(_SEQUENCE, _der(_OCTETS, kek_id)),
        _der(_SEQUENCE, _der(_OID, _AES256_WRAP)),
        _der(_OCTETS, aes_key_wrap(kek, cek)),
    )
    gcm = _der(_SEQUENCE, _der(_OID, _AES256_GCM), _der(_SEQUENCE, _der(_OCTETS, nonce), _der(_INTEGER, bytes([_TAG]))))
    # The content is joined once, at the end: until then only what stands before it is built, around its length.
    body, mac = sealed[:-_TAG], _der(_OCTETS, bytes(sealed[-_TAG:]))
    content = _open_der(_ENCRYPTED_CONTENT, len(body))
    info = _open_der(_SEQUENCE, len(inner := _der(_OID, _DATA) + gcm + content) + len(body)) + inner
    front = _der(_INTEGER, b"\x00") + _der(_SET, recipient) + info
    for tag, before in ((_SEQUENCE, b""), (_EXPLICIT_CONTENT, _der(_OID, _AUTH_ENVELOPED_DATA)), (_SEQUENCE, b"")):
        front = before + _open_der(tag, len(front) + len(body) + len(mac)) + front
    return b"".join((front, body, mac))


def open_authenveloped(der: bytes, *, kek: bytes, kek_id: bytes) -> bytes:
    """The content, for the holder of ``kek``. Recipients of other kinds or with other ids are passed over.

    Raises:
        MalformedError: not a DER AuthEnvelopedData with AES-256-GCM.
        SealBrokenError: it was changed, has no recipient ``kek_id``, or ``kek`` is not that recipient's key.
        InputError: the key has another length.
    """
    _check_length("key-encryption key", kek, KEY_SIZE)
    recipients, content = _read_envelope(der)
    wrapped = [key for name, key in _kek_recipients(recipients) if name == kek_id]
    if not wrapped:
        raise SealBrokenError("the envelope has no recipient with this key id", hint="the key is of another file or region")
    cek = _unwrap_any(wrapped, kek)
    nonce, body, attributes, mac = _read_content(content)
    try:
        return AESGCM(cek).decrypt(nonce, b"".join((body, mac)), attributes)
    except InvalidTag as error:
        raise SealBrokenError("the content of the envelope was changed") from error


def kek_ids(der: bytes) -> tuple[bytes, ...]:
    """The key ids of the symmetric recipients, in the order of the file: which keys open it.

    Raises:
        MalformedError: not a DER AuthEnvelopedData.
    """
    recipients, _ = _read_envelope(der)
    return tuple(name for name, _ in _kek_recipients(recipients))


class _Reader:
    """Takes the elements of a DER value one after the other, within one stretch of the input."""

    def __init__(self, data: memoryview, at: int, stop: int) -> None:
        self._data, self.at, self.stop = data, at, stop

    @property
    def done(self) -> bool:
        return self.at == self.stop

    @property
    def tag(self) -> int | None:
        """The tag of the next element; None at the end."""
        return None if self.done else self._data[self.at]

    def take(self, tag: int | None = None) -> _Reader:
        """The contents of the next element, which has that tag.

        Raises:
            MalformedError: another tag, no element, a length that is not DER or leads out of the stretch.
        """
        start = self.at
        if self.stop - start < 2 or (tag is not None and self._data[start] != tag) or self._data[start] & 0x1F == 0x1F:
            raise MalformedError(f"CMS: not the element that belongs at offset {start}")
        length, contents = self._data[start + 1], start + 2
        if length >= 0x80:
            count = length - 0x80
            encoded = bytes(self._data[contents : min(contents + count, self.stop)])
            length, contents = int.from_bytes(encoded, "big"), contents + count
            if not 0 < count <= 8 or len(encoded) != count or encoded[0] == 0 or length < 0x80:
                raise MalformedError(f"CMS: the length at offset {start + 1} is not DER")
        if length > self.stop - contents:
            raise MalformedError(f"CMS: the element at offset {start} is longer than what is there")
        self.at = contents + length
        return _Reader(self._data, contents, self.at)

    @property
    def view(self) -> memoryview:
        return self._data[self.at : self.stop]

    @property
    def octets(self) -> bytes:
        return bytes(self.view)

    def check_done(self) -> None:
        if not self.done:
            raise MalformedError(f"CMS: nothing belongs at offset {self.at}")


def _read_envelope(der: bytes) -> tuple[_Reader, _Reader]:
    """The recipients, and what follows them."""
    outside = _Reader(memoryview(der), 0, len(der))
    content_info = outside.take(_SEQUENCE)
    outside.check_done()
    if content_info.take(_OID).octets != _AUTH_ENVELOPED_DATA:
        raise MalformedError("CMS: the content is not AuthEnvelopedData")
    explicit = content_info.take(_EXPLICIT_CONTENT)
    content_info.check_done()
    envelope = explicit.take(_SEQUENCE)
    explicit.check_done()
    if envelope.take(_INTEGER).octets != b"\x00":
        raise MalformedError("CMS: the version of AuthEnvelopedData is not 0")
    if envelope.tag == _ORIGINATOR:
        envelope.take()
    return envelope.take(_SET), envelope


def _kek_recipients(recipients: _Reader) -> Iterator[tuple[bytes, bytes]]:
    """Key id and wrapped content key of each recipient that AES-256 key wrap serves."""
    while not recipients.done:
        if recipients.tag != _KEK_RECIPIENT:
            recipients.take()
            continue
        recipient = recipients.take()
        if recipient.take(_INTEGER).octets != b"\x04":
            raise MalformedError("CMS: the version of a KEK recipient is not 4")
        name = recipient.take(_SEQUENCE).take(_OCTETS).octets
        algorithm = recipient.take(_SEQUENCE).take(_OID).octets
        wrapped = recipient.take(_OCTETS).octets
        recipient.check_done()
        if algorithm == _AES256_WRAP:
            yield name, wrapped


def _unwrap_any(wrapped: list[bytes], kek: bytes) -> bytes:
    """The content key. Several recipients may share an id by chance, so each is tried."""
    for key in wrapped:
        if len(key) == _WRAPPED_KEY:
            try:
                return aes_key_unwrap(kek, key)
            except InvalidUnwrap:
                continue
    raise SealBrokenError("the key does not open the envelope: another key, or the envelope was changed")


def _read_content(envelope: _Reader) -> tuple[bytes, memoryview, bytes | None, memoryview]:
    """Nonce, encrypted content, authenticated attributes and tag."""
    info = envelope.take(_SEQUENCE)
    if info.take(_OID).octets != _DATA:
        raise MalformedError("CMS: the encrypted content is not plain data")
    algorithm = info.take(_SEQUENCE)
    if algorithm.take(_OID).octets != _AES256_GCM:
        raise MalformedError("CMS: the content is not encrypted with AES-256-GCM")
    parameters = algorithm.take(_SEQUENCE)
    algorithm.check_done()
    nonce = parameters.take(_OCTETS).octets
    if len(nonce) != NONCE_SIZE or parameters.take(_INTEGER).octets != bytes([_TAG]):
        raise MalformedError("CMS: AES-GCM with another nonce or tag length than 12 and 16 bytes")
    parameters.check_done()
    body = info.take(_ENCRYPTED_CONTENT).view
    info.check_done()
    attributes = None
    if envelope.tag == _AUTH_ATTRIBUTES:
        # RFC 5083 section 2.2: they are authenticated as the SET they are, not under their implicit tag.
        attributes = _der(_SET, envelope.take().octets)
    mac = envelope.take(_OCTETS).view
    if envelope.tag == _UNAUTH_ATTRIBUTES:
        envelope.take()
    envelope.check_done()
    if len(mac) != _TAG:
        raise MalformedError(f"CMS: the tag has {len(mac)} bytes, not {_TAG}")
    return nonce, body, attributes, mac


def _der(tag: int, *contents: bytes) -> bytes:
    joined = b"".join(contents)
    return _open_der(tag, len(joined)) + joined


def _open_der(tag: int, length: int) -> bytes:
    """Tag and length of an element whose contents follow."""
    if length < 0x80:
        return bytes([tag, length])
    encoded = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(encoded)]) + encoded


def _check_length(what: str, value: bytes, length: int) -> None:
    if len(value) != length:
        raise InputError(f"a CMS {what} has {length} bytes, not {len(value)}")
