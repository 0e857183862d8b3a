"""Text as its Specific Character Set has it, or as those in actual use do (PS3.5 section 6.1, PS3.3 C.12.1.1.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

_DEFINED_TERMS: Final = {
    "": "ascii",
    "ISO_IR 6": "ascii",
    "ISO_IR 13": "shift_jis",
    "ISO_IR 100": "latin_1",
    "ISO_IR 101": "iso8859_2",
    "ISO_IR 109": "iso8859_3",
    "ISO_IR 110": "iso8859_4",
    "ISO_IR 126": "iso8859_7",
    "ISO_IR 127": "iso8859_6",
    "ISO_IR 138": "iso8859_8",
    "ISO_IR 144": "iso8859_5",
    "ISO_IR 148": "iso8859_9",
    "ISO_IR 166": "iso8859_11",
    "ISO_IR 192": "utf_8",
    "ISO_IR 203": "iso8859_15",
    "GB18030": "gb18030",
    "GBK": "gbk",
    "ISO 2022 IR 58": "gb2312",
    "ISO 2022 IR 87": "iso2022_jp",
    "ISO 2022 IR 149": "euc_kr",
    "ISO 2022 IR 159": "iso2022_jp_2",
}
CODECS: Final = {
    **_DEFINED_TERMS,
    **{term.replace("ISO_IR", "ISO 2022 IR"): codec for term, codec in _DEFINED_TERMS.items() if term.startswith("ISO_IR")},
}
"""Defined terms of Specific Character Set (PS3.3 C.12.1.1.2) and the codecs that read them."""

_ESCAPES: Final = {
    b"\x1b(B": "ascii",
    b"\x1b(J": "shift_jis",
    b"\x1b)I": "shift_jis",
    b"\x1b-A": "latin_1",
    b"\x1b-B": "iso8859_2",
    b"\x1b-C": "iso8859_3",
    b"\x1b-D": "iso8859_4",
    b"\x1b-F": "iso8859_7",
    b"\x1b-G": "iso8859_6",
    b"\x1b-H": "iso8859_8",
    b"\x1b-L": "iso8859_5",
    b"\x1b-M": "iso8859_9",
    b"\x1b-T": "iso8859_11",
    b"\x1b-b": "iso8859_15",
    b"\x1b$B": "iso2022_jp",
    b"\x1b$(D": "iso2022_jp_2",
    b"\x1b$)C": "euc_kr",
    b"\x1b$)A": "gb2312",
}
_ESCAPE: Final = re.compile(b"|".join(re.escape(escape) for escape in _ESCAPES))
_KEEP_THEIR_ESCAPE: Final = frozenset({"iso2022_jp", "iso2022_jp_2"})


def read_text(value: bytes, charset: Sequence[str]) -> str:
    """Text for somebody to read, under the stated character set or the likeliest other one. It never fails."""
    return next(readings(value, charset), "")


def readings(value: bytes, charset: Sequence[str]) -> Iterator[str]:
    """The text under the stated character set; where that is impossible, as the encodings in actual use have it."""
    value = value.split(b"\0", 1)[0].strip()
    if value.isascii() and b"\x1b" not in value:
        yield value.decode("ascii")
        return
    try:
        yield decode_text(value, charset)
    except (UnicodeDecodeError, LookupError):
        for codec in ("utf_8", "gb18030", "latin_1"):
            try:
                yield value.decode(codec)
            except UnicodeDecodeError:
                continue
            if codec == "utf_8":
                return
        # One broken character does not make the others unreadable.
        yield value.decode(CODECS.get(charset[0] if charset else "", "utf_8"), "ignore")


def decode_text(value: bytes, charset: Sequence[str]) -> str:
    """Text under the values of Specific Character Set, with code extensions (ISO 2022).

    Raises:
        UnicodeDecodeError: the bytes are not text in that character set.
        LookupError: a value is no defined term.
    """
    codec = CODECS[charset[0] if charset else ""]
    if b"\x1b" not in value:
        return value.decode(codec)
    parts: list[str] = []
    position = 0
    for escape in (*_ESCAPE.finditer(value), None):
        stop = escape.start() if escape else len(value)
        parts.append(value[position:stop].decode(codec))
        if escape:
            codec = _ESCAPES[escape.group()]
            position = escape.start() if codec in _KEEP_THEIR_ESCAPE else escape.end()
    return "".join(parts)


def are_defined(charset: Iterable[str]) -> bool:
    """Whether each value is a defined term of Specific Character Set."""
    return all(term in CODECS for term in charset)


def encode_text(text: str, charset: Sequence[str]) -> bytes | None:
    """Text under the first value of Specific Character Set; None where that cannot hold it."""
    codec = CODECS.get(charset[0] if charset else "")
    if codec is None or codec in _KEEP_THEIR_ESCAPE:
        codec = "ascii"
    try:
        return text.encode(codec)
    except UnicodeEncodeError:
        return None
