"""Laws of the residual proof: what was known is found in every place and form, and what was not known is not."""

from __future__ import annotations

import base64
import gzip
import random
import zlib
from collections.abc import Callable
from datetime import date

import pytest
from hostile import EXPLICIT, element, film, meta, sequence
from hypothesis import given, settings
from hypothesis import strategies as st

from leadglass.deid import residual as proof
from leadglass.deid.identifiers import Kind, identifiers
from leadglass.deid.residual import Part, patterns, read, residual, search, suspects
from leadglass.dicom.header import Header, swapped, walk
from leadglass.dicom.source import BytesSource

FAMILIES = ("Okonkwo", "Lindqvist", "Zhang", "Ferreira", "Novak", "Ivanovskaya")
GIVENS = ("Chidinma", "Torbjorn", "Xiaodong", "Marcelina", "Ludmila", "Jiri")
HAN = ("王^小东", "欧阳^娜娜", "李^建国", "張^偉明")


def header(*extra: bytes, charset: str = "ISO_IR 192") -> Header:
    return walk(BytesSource(film([element(0x00080005, "CS", charset), *extra])))


def person(family: str, given: str, number: str, day: str, uid: str, han: str = "") -> Header:
    name = f"{family}^{given}" + (f"={han}" if han else "")
    return header(
        element(0x00100010, "PN", name.encode()),
        element(0x00100020, "LO", number),
        element(0x00080020, "DA", day),
        element(0x0020000D, "UI", uid),
    )


days = st.dates(date(1930, 1, 2), date(2039, 12, 31)).filter(lambda day: day.strftime("%m%d") != "0101")
people = st.builds(
    person,
    st.sampled_from(FAMILIES),
    st.sampled_from(GIVENS),
    st.integers(1234567, 987654321).map(str),
    days.map(lambda day: day.strftime("%Y%m%d")),
    st.tuples(st.integers(10000, 1 << 31), st.integers(10000, 1 << 31)).map(lambda two: "1.3.6.1.4.1.{}.{}".format(*two)),
    st.sampled_from(HAN),
)


def known_values(received: Header) -> list[bytes]:
    """What is to be found, as the header has it."""
    top = {each.tag: received.value(each).strip(b"\0 ") for each in received.elements if each.tag < 0x7FE00000}
    name = top[0x00100010].split(b"=")[0]
    return [name, name.replace(b"^", b" "), name.split(b"^")[0].upper(), top[0x00100020], top[0x00080020], top[0x0020000D]]


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "as is": lambda text: text,
    "upper case": bytes.upper,
    "utf-16-le": lambda text: text.decode().encode("utf-16-le"),
    "utf-16-be": lambda text: text.decode().encode("utf-16-be"),
    "utf-32": lambda text: text.decode().encode("utf-32-le"),
    "byte-swapped": lambda text: swapped(text + bytes(len(text) % 2), 2),
    "byte-swapped, one off": lambda text: b"?" + swapped(text + bytes(len(text) % 2), 2),
    "zlib": lambda text: zlib.compress(b"<p>" + text + b"</p>"),
    "gzip": lambda text: b"some bytes before" + gzip.compress(b"<p>" + text + b"</p>"),
    "base64": lambda text: base64.b64encode(b"name: " + text),
    "zlib in base64": lambda text: base64.b64encode(zlib.compress(b"<p>" + text + b"</p>" * 3)),
    "hexadecimal": lambda text: text.hex().encode(),
}

noise = st.binary(max_size=40)


@settings(deadline=None, max_examples=120)
@given(received=people, which=st.integers(0, 5), form=st.sampled_from(sorted(FORMS)), before=noise)
def test_what_identified_is_found_in_every_form(received: Header, which: int, form: str, before: bytes) -> None:
    known = patterns(identifiers(received))
    planted = FORMS[form](b"  " + known_values(received)[which] + b"  ")
    # Words of four or five letters, and dates, mean nothing among arbitrary bytes unless the whole is text.
    assert search(known, [Part(planted, "there", deep=True)])
    if form in ("as is", "upper case"):
        assert search(known, [Part(before + b"|" + planted, "there")])


def exhaustively(known: proof.Patterns, parts: list[Part]) -> set[proof.Leak]:
    """The exact search in every form of every part, without any look before."""
    leaks = set()
    for part in parts:
        forms = [("as is", part.data), *proof._all_forms(part.data, deep=part.deep)]
        for form, data in forms:
            leaks.update(proof._leaks(known, part, data, form))
    return leaks


pieces = st.one_of(
    st.binary(max_size=60),
    st.text(st.sampled_from("0123456789.-/ abzhangnovk^\0年月日Jan"), max_size=40).map(str.encode),
    st.tuples(people.map(known_values), st.integers(0, 5), st.sampled_from(sorted(FORMS))).map(
        lambda drawn: FORMS[drawn[2]](drawn[0][drawn[1]])
    ),
    days.map(lambda day: day.strftime("%d %b %Y").encode()),
    days.map(lambda day: day.strftime("%Y-%m-%d %H:%M").encode()),
)


@settings(deadline=None, max_examples=150)
@given(received=people, drawn=st.lists(st.tuples(pieces, pieces, st.booleans()), max_size=6), pick=st.integers(0, 5))
def test_the_fast_search_finds_what_the_slow_one_finds(
    received: Header, drawn: list[tuple[bytes, bytes, bool]], pick: int
) -> None:
    known = patterns(identifiers(received))
    parts = [Part(one + two, f"part {number}", deep=deep) for number, (one, two, deep) in enumerate(drawn)]
    for number in range(0, len(parts), 2):
        parts[number] = parts[number]._replace(data=parts[number].data + known_values(received)[pick])
    assert set(search(known, parts)) == exhaustively(known, parts)


@settings(deadline=None, max_examples=60)
@given(received=people, data=st.binary(max_size=400))
def test_what_raises_no_suspicion_holds_nothing(received: Header, data: bytes) -> None:
    known = patterns(identifiers(received))
    if not suspects(known, read(data)):
        assert not list(proof._found(known, data, binary=False))


@settings(deadline=None, max_examples=40)
@given(received=people)
def test_a_file_leaks_everything_into_itself(received: Header) -> None:
    found = identifiers(received)
    kinds = {leak.kind for leak in residual(received, patterns(found))}
    assert kinds == {kind for kind, _, _ in found.found}


@settings(deadline=None, max_examples=40)
@given(received=people, chance=st.randoms(use_true_random=True))
def test_other_peoples_values_are_no_leak(received: Header, chance: random.Random) -> None:
    other = walk(
        BytesSource(
            film(
                [
                    element(0x00080020, "DA", f"20{chance.randrange(40, 99)}0101"),
                    element(0x00080018, "UI", f"2.25.{chance.getrandbits(125)}"),
                    element(0x0020000D, "UI", f"2.25.{chance.getrandbits(125)}"),
                    element(0x0020000E, "UI", f"2.25.{chance.getrandbits(125)}"),
                    element(0x00281201, "OW", chance.randbytes(4096)),
                    element(0x00100010, "PN", "QWERTYUIOPASDFGH"),
                ],
                file_meta=meta(EXPLICIT, uid=f"2.25.{chance.getrandbits(125)}"),
            )
        )
    )
    assert not residual(other, patterns(identifiers(received)))


@settings(deadline=None, max_examples=60)
@given(received=people, kinds=st.sets(st.sampled_from([Kind.DATE, Kind.UID, Kind.ID, Kind.NAME])))
def test_what_was_to_be_kept_is_no_leak(received: Header, kinds: set[Kind]) -> None:
    found = identifiers(received)
    assert not kinds & {leak.kind for leak in residual(received, patterns(found, exempt=kinds))}


@settings(deadline=None, max_examples=60)
@given(received=people, which=st.integers(0, 5))
def test_what_we_wrote_ourselves_is_no_leak(received: Header, which: int) -> None:
    value = known_values(received)[which]
    known = patterns(identifiers(received), own=[value])
    assert not search(known, [Part(value, "there")])


PLACES: dict[str, Callable[[bytes], bytes]] = {
    "preamble": lambda value: film(file_meta=meta(EXPLICIT, preamble=value[:128].ljust(128, b"\0"))),
    "file meta": lambda value: film(file_meta=meta(EXPLICIT, more=element(0x00020016, "AE", value))),
    "comment": lambda value: film([element(0x00204000, "LT", value)]),
    "private": lambda value: film([element(0x00291001, "UN", value)]),
    "item": lambda value: film([sequence(0x00400275, [[element(0x00400007, "LO", value)]])]),
    "deep item": lambda value: film(
        [sequence(0x00400275, [[sequence(0x00400008, [[element(0x00080104, "LO", value)]], undefined=True)]])]
    ),
    "behind the pixels": lambda value: film(after=element(0xFFFCFFFC, "OB", value)),
    "behind the data set": lambda value: film(after=b"\0\0" + value),
}


@pytest.mark.parametrize("place", sorted(PLACES))
@settings(deadline=None, max_examples=12)
@given(received=people, which=st.integers(0, 5))
def test_what_identified_is_found_in_every_place(place: str, received: Header, which: int) -> None:
    value = known_values(received)[which]
    written = walk(BytesSource(PLACES[place](value)))
    assert residual(written, patterns(identifiers(received)))
