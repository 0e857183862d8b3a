"""One file's way over the desk: read, cleaned, its pixels kept or read, composed, proved, written."""

from __future__ import annotations

import gc
import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Final

from leadglass.adapters.copies import NewFile, ReadAhead, sha256, spool, tree_digest
from leadglass.adapters.detectors.text import TextReader, available
from leadglass.assemble.treatment import (
    Explained,
    Names,
    Outcome,
    PixelMode,
    PixelOutcome,
    State,
    Survey,
    Treatment,
)
from leadglass.deid import gate, residual
from leadglass.deid.clean import Work, new_uid
from leadglass.deid.findings import count
from leadglass.deid.identifiers import Kind, identifiers, identifiers_of
from leadglass.deid.pixels import Look, Reading, Verdict, combined, photographic, read_all
from leadglass.deid.profile import Option, Profile, profile
from leadglass.deid.pseudonym import PseudonymKeys
from leadglass.deid.series import Match, Template, template
from leadglass.dicom.directory import MEDIA_STORAGE_DIRECTORY
from leadglass.dicom.frames import decode, significant
from leadglass.dicom.header import PIXEL_DATA, Element, keyword, tag_text, walk
from leadglass.dicom.instance import HeaderPlan, Note, Received, file_beginning, image, received
from leadglass.dicom.kept import (
    Parts,
    PixelValue,
    Watch,
    changed_pixels,
    compose_kept,
    kept_pixels,
    sources_of,
    with_stored_bits,
)
from leadglass.dicom.plan import Copy, Insert, Op, Plan, PlanSource, encode, invert, merged, run
from leadglass.dicom.source import Source
from leadglass.dicom.uids import is_standard, is_uid
from leadglass.errors import InputError
from leadglass.model.frame import Frame
from leadglass.seal.envelope import seal
from leadglass.seal.keys import derive

_AHEAD: Final = 1 << 14

_DOCUMENTS: Final = frozenset(f"1.2.840.10008.5.1.4.1.1.104.{number}" for number in range(1, 6))
"""Encapsulated PDF, CDA, STL, OBJ and MTL Storage."""
_DOCUMENT: Final = 0x00420011

_EXEMPT: Final = {
    Option.RETAIN_UIDS: (Kind.UID,),
    Option.RETAIN_FULL_DATES: (Kind.DATE, Kind.TIME),
    Option.RETAIN_MODIFIED_DATES: (Kind.TIME,),
    Option.RETAIN_DEVICE_IDENTITY: (Kind.DEVICE,),
    Option.RETAIN_INSTITUTION_IDENTITY: (Kind.INSTITUTION,),
    **dict.fromkeys(
        (
            Option.CLEAN_DESCRIPTORS,
            Option.CLEAN_GRAPHICS,
            Option.CLEAN_STRUCTURED_CONTENT,
            Option.RETAIN_SAFE_PRIVATE,
        ),
        (Kind.TEXT,),
    ),
}
"""What an output was told to keep, and is not to be searched for."""


@dataclass(frozen=True, eq=False)
class Read:
    """What is known of the pixels of a file. ``value`` is the new pixel value, where text was filled.

    ``quarantined``: the pictures are of a kind that does not go out by itself.
    """

    outcome: PixelOutcome
    why: str = ""
    value: PixelValue | None = None
    found: Counter[str] = field(default_factory=Counter)
    quarantined: bool = False


_OFF: Final = Read(PixelOutcome.OFF)
_UNREAD: Final = Read(PixelOutcome.UNREAD, "the pixels were due for reading, and the extra ocr is not installed")

_OUTCOMES: Final = {
    Verdict.CLEAN: PixelOutcome.CLEAN,
    Verdict.REMOVED: PixelOutcome.REMOVED,
    Verdict.REVIEW: PixelOutcome.REVIEW,
}


def _read(object_: Received, reader: TextReader, work: Work) -> Read:
    """Read every frame for text, and fill what was found."""
    try:
        picture = image(object_)
        frames = decode(picture.layout, picture.pixels, encapsulated=picture.encapsulated, held=picture.encapsulated)
        known = [text for kind in ("names", "ids") for text in work.known.texts.get(kind, ())]
        readings: list[Reading] = []
        changed: dict[int, Frame] = {}
        seen = _Photographs(object_.modality)
        stored = (seen.look(significant(frame, high_bit=picture.layout.high_bit)) for frame in frames)
        for number, (reading, frame) in enumerate(read_all(stored, reader, known=known)):
            if seen.found:
                return Read(PixelOutcome.REVIEW, "a photograph may show a face", quarantined=True)
            readings.append(reading)
            if reading.changed:
                changed[number] = frame
        together = combined(readings)
        value = changed_pixels(picture, changed) if changed else None
    except InputError as error:
        return Read(PixelOutcome.REVIEW, f"the pixels cannot be read: {error.message}")
    found = Counter({f"pixels: {kind}": count for kind, count in together.found.items()})
    return Read(_OUTCOMES[together.verdict], together.why, value, found)


@dataclass
class _Photographs:
    modality: str | None
    found: bool = False

    def look(self, frame: Frame) -> Frame:
        self.found = self.found or photographic(frame, modality=self.modality)
        return frame


@dataclass(frozen=True, eq=False)
class Treated:
    """A file on its way out: what it was, and what it becomes.

    ``before`` is everything up to the pixel value; the value and what follows it are ``pixels``, over ``sources``.
    """

    source: Source
    received: Received
    before: bytes
    pixels: PixelValue | None
    sources: Sequence[Source]
    uid: str
    found: Mapping[str, int]
    read: Read = field(default_factory=lambda: _OFF)
    header_ops: tuple[Op, ...] = ()
    """What made ``before``, where somebody may want to undo it."""

    @property
    def ops(self) -> tuple[Op, ...]:
        """The whole file as a plan over the received one."""
        parts = self.parts
        return merged((*self.header_ops, *parts.value, *parts.after))

    def with_stored_bits(self) -> Treated:
        """The same file, the unused bits of its pixel value cleared."""
        if self.pixels is None:
            raise ValueError("what is no image has no unused bits")
        pixels = with_stored_bits(self.pixels, self.sources[0])
        return replace(self, pixels=pixels, sources=sources_of(self.sources[0], pixels))

    @property
    def parts(self) -> Parts:
        if self.pixels is None:
            return Parts((Insert(self.before),), (), ())
        after = (Insert(self.pixels.padding),) if self.pixels.padding else ()
        return Parts((Insert(self.before),), self.pixels.ops, after)


class Desk:
    """What a process keeps from file to file under one treatment."""

    def __init__(self, treatment: Treatment) -> None:
        self.treatment = treatment
        self.profile: Profile = profile(treatment.profile, options=treatment.options)
        self.keys = PseudonymKeys.derive(
            treatment.key, project=treatment.project, recipient=treatment.recipient, digest=treatment.digest
        )
        self.digests = treatment.digests or treatment.residue
        self.residue_key = derive(treatment.key, label="residue")
        wanted = treatment.pixels is not PixelMode.OFF and available()
        # A process of its own, which starts when the first picture is due.
        self.reader = TextReader() if wanted else None
        self.exempt = tuple(kind for each in self.profile.options for kind in _EXEMPT.get(each, ()))
        # Tables and modules stay as long as the process does; the collector need not look at them again and again.
        gc.freeze()
        self.last_series: str | None = None
        self.template: Template | None = None
        self.proof: _SeriesProof | None = None

    def treat(self, source: ReadAhead, out: Path, relative: PurePosixPath) -> Outcome:
        if self.template is not None and self.proof is not None:
            match = self.template.match(source.held, source.size)
            if match is not None and self.proof.holds(self.template, match):
                return self._written(self._like_before(self.template, match, source), out, relative)
        with spool(source.size) as keep:
            header = walk(source, ahead=_AHEAD, spool=keep)
            object_ = received(header)
            if reason := quarantined(object_, documents=self.treatment.documents):
                return Outcome(State.QUARANTINED, reason, modality=object_.modality, sop_class=_class_of(object_))
            looking = gate.due(object_, mode=self.treatment.pixels)
            if looking.look is Look.QUARANTINE:
                return Outcome(State.QUARANTINED, looking.why, modality=object_.modality, sop_class=_class_of(object_))
            vouched = (_DOCUMENT,) if object_.sop_class in _DOCUMENTS else ()
            work = Work(object_, self.profile, self.keys, vouched=vouched)
            pixels, read = kept_pixels(object_), _UNREAD if looking.look is Look.READ else _OFF
            if looking.look is Look.READ and self.reader is not None:
                read = _read(object_, self.reader, work)
                if read.quarantined:
                    return Outcome(State.QUARANTINED, read.why, modality=object_.modality, sop_class=_class_of(object_))
                pixels = read.value or pixels
            cleaned = work.plan(pixels_cleaned=read.outcome in (PixelOutcome.CLEAN, PixelOutcome.REMOVED))
            treated = replace(_composed(cleaned, pixels), read=read)
            known = identifiers(header, object_.charset)
            patterns = residual.patterns(known, exempt=self.exempt, own=work.moved)
            if leaks := _leaks(treated, patterns, vouched=vouched):
                return Outcome(State.QUARANTINED, _told(leaks), modality=object_.modality, sop_class=_class_of(object_))
            if looking.look is Look.SKIP:
                self._remember(work, cleaned, pixels, patterns)
            return self._written(treated, out, relative)

    def _remember(self, work: Work, cleaned: HeaderPlan, pixels: PixelValue | None, patterns: residual.Patterns) -> None:
        """Make a template of the second file of a series."""
        series, slots = work.object_.series_uid, self.template.slots if self.template is not None else ()
        # After a series of slices another one is likely; a film stands alone.
        if series and (slots or series == self.last_series) and not self.treatment.residue:
            self.template = template(work, cleaned, pixels, slots=slots)
            self.proof = _SeriesProof(self.exempt, patterns) if self.template is not None else None
        self.last_series = series

    def _like_before(self, before: Template, match: Match, source: ReadAhead) -> Treated:
        """A file whose header differs from one that was treated in a few elements."""
        object_ = before.work.object_
        uid = new_uid(match.sop_instance_uid, profile=self.profile, keys=self.keys)
        span = (match.offset, before.pixels.span[1])
        old = before.pixels
        pixels = PixelValue(
            old.element_header,
            (Copy(*span),),
            old.transfer_syntax,
            span,
            same=True,
            padding=old.padding,
            unused=old.unused,
        )
        sop_class = object_.sop_class if is_uid(object_.sop_class) else ""
        beginning = file_beginning(pixels.transfer_syntax, sop_class=sop_class, sop_instance_uid=uid)
        written = b"".join((beginning, match.written, pixels.element_header))
        return Treated(source, object_, written, pixels, (source,), uid, match.found)

    def _place(self, relative: PurePosixPath, treated: Treated) -> str:
        """The output's path below the output folder."""
        if self.treatment.names is Names.KEEP:
            return str(relative)
        object_ = treated.received
        return f"{self._folder(object_.study_uid)}/{self._folder(object_.series_uid)}/{treated.uid}.dcm"

    def _folder(self, uid: str) -> str:
        return new_uid(uid, profile=self.profile, keys=self.keys) if uid else "none"

    def _written(self, treated: Treated, out: Path, relative: PurePosixPath) -> Outcome:
        place, pixels = self._place(relative, treated), treated.pixels
        folder, _, name = f"{out}/{place}".rpartition("/")
        watch = Watch(pixels.unused) if pixels and pixels.unused else None
        value = hashlib.sha256() if self.digests else None
        looks = [look for look in (value.update if value else None, watch) if look is not None]
        with NewFile(folder) as new:
            new.write(treated.parts, treated.sources, watch=looks)
            if watch is None or not watch.found:
                digests = _digests(treated, value.digest()) if value else (None, None)
                output = place[: len(place) - len(name)] + new.keep(name)
                return self._outcome(treated, output, digests)
        # Bits outside the image hold something: once more, with those cleared.
        return self._written(treated.with_stored_bits(), out, relative)

    def _outcome(self, treated: Treated, output: str, digests: tuple[str | None, str | None]) -> Outcome:
        object_ = treated.received
        return Outcome(
            State.DONE,
            treated.read.why if treated.read.outcome in (PixelOutcome.REVIEW, PixelOutcome.UNREAD) else None,
            output=output,
            pixels=treated.read.outcome,
            findings=Counter(treated.found) + treated.read.found if treated.read.found else treated.found,
            received=digests[0],
            written=digests[1],
            size=treated.source.size,
            modality=object_.modality,
            sop_class=_class_of(object_),
            residue=self._residue(treated, digests[1]) if self.treatment.residue and digests[1] else None,
        )

    def _residue(self, treated: Treated, written: str) -> bytes:
        """The sealed plan that makes the received file of the written one."""
        header = treated.received.header
        if header.source is not header.received:
            # Nobody can deflate a data set again just as its writer did: the residue holds the file.
            inverse = Plan((Insert(header.received.read(0, header.received.size)),))
        else:
            inverse = invert(Plan(treated.ops), received=header.received)
        return seal(encode(inverse), key=self.residue_key, nonce=os.urandom(24), context=residue_context(written))


def residue_context(written: str) -> bytes:
    """What the residue of an output is bound to: its tree digest, whatever its name."""
    return b"leadglass/residue@v1\0" + written.encode()


def _composed(cleaned: HeaderPlan, pixels: PixelValue | None) -> Treated:
    object_ = cleaned.received
    parts, source = compose_kept(cleaned, pixels), object_.source
    return Treated(
        object_.header.received,
        object_,
        b"".join(run(Plan(parts.before), (source,))),
        pixels,
        sources_of(source, pixels),
        cleaned.sop_instance_uid,
        count(cleaned.notes),
        header_ops=parts.before,
    )


def _leaks(treated: Treated, patterns: residual.Patterns, *, vouched: Collection[int]) -> tuple[residual.Leak, ...]:
    """What identifies and is still in the file that would be written."""
    written = PlanSource(Plan(treated.parts.ops), treated.sources)
    pixels = treated.pixels
    samples = (len(treated.before), pixels.length) if pixels else None
    return residual.residual(walk(written, ahead=len(treated.before)), patterns, samples=samples, vouched=vouched)


def _told(leaks: Sequence[residual.Leak]) -> str:
    """Why a file is not let out, by kind and place."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(leak.kind for leak in leaks).items()))
    places = ", ".join(dict.fromkeys(leak.where for leak in leaks[:8]))
    return f"residual: what identifies is still in the output ({kinds}), at {places}"


class _SeriesProof:
    """The proof for files that a template treats: what they have in common was proved once, what differs each time."""

    def __init__(self, exempt: Sequence[Kind], patterns: residual.Patterns) -> None:
        self._exempt = exempt
        self._patterns = patterns
        self._slots: tuple[int, ...] | None = None
        self._constant = residual.read(b"")

    def holds(self, before: Template, match: Match) -> bool:
        """Whether nothing known to the first file or to this one is in what is written of it."""
        if before.slots != self._slots:
            self._slots = before.slots
            self._constant = residual.all_texts(before.constant, deep=True)
        told = identifiers_of(match.varied, match.held, before.work.object_.charset)
        new = residual.patterns(told, exempt=self._exempt, own=match.work.moved)
        if residual.suspects(new, self._constant):
            return False
        fresh = [residual.all_texts(match.texts, deep=False)]
        if match.binary:
            fresh.append(residual.all_texts(match.binary, deep=True))
        return not any(residual.suspects(known, text) for known in (new, self._patterns) for text in fresh)


def _digests(treated: Treated, value: bytes) -> tuple[str, str]:
    """Tree digests of the received and of the written file."""
    parts, pixels, sources = treated.parts, treated.pixels, treated.sources
    before, after = hashlib.sha256(treated.before).digest(), sha256(parts.after, sources)
    written = tree_digest(before, value, after)
    received_, source = treated.source, sources[0]
    if source is not received_:
        # Of a deflated file nothing but the whole can be told apart.
        return tree_digest(sha256((Copy(0, received_.size),), (received_,)), _NOTHING, _NOTHING), written
    offset, length = pixels.span if pixels else (source.size, 0)
    stop = offset + length
    same = value if pixels is None or pixels.same else sha256((Copy(offset, length),), sources)
    received_before, received_after = (
        sha256((Copy(start, end - start),), sources) for start, end in ((0, offset), (stop, source.size))
    )
    return tree_digest(received_before, same, received_after), written


_NOTHING: Final = hashlib.sha256().digest()


def _class_of(object_: Received) -> str | None:
    """The SOP class where the standard registers it; anything else may be built from a name."""
    return object_.sop_class if is_standard(object_.sop_class) else None


def quarantined(object_: Received, *, documents: bool) -> str | None:
    """Why an object is not let through although its header could be treated; None where it is."""
    if object_.sop_class in _DOCUMENTS and not documents:
        return "an encapsulated document may hold anything; let documents through to treat its header alone"
    return None


def explained(source: Source, treatment: Treatment) -> Iterator[Explained]:
    """Attribute by attribute, what happens and why, in the order of the file; then what lies outside the data set."""
    with spool(source.size) as keep:
        header = walk(source, ahead=_AHEAD, spool=keep)
        object_, desk = received(header), Desk(treatment)
        work = Work(object_, desk.profile, desk.keys)
        plan = work.plan()
        # Of an attribute that stands twice there may be two notes, in the order of the file.
        notes: dict[tuple[str, int | None], list[Note]] = defaultdict(list)
        for note in plan.notes:
            notes[note.where, note.tag].append(note)
        directory = object_.sop_class == MEDIA_STORAGE_DIRECTORY
        said = () if directory else tuple(tag for tag, _ in work.statements(pixels_cleaned=False))
        yield from _explained(header.elements, "", notes, above=None, said=said)
        there = {element.tag for element in header.elements}
        for tag in (tag for tag, _ in plan.elements if tag not in there):
            yield Explained(tag_text(tag), keyword(tag), "add", _SAID)
        for note in chain(*notes.values()):
            yield Explained(note.finding.path, note.finding.keyword, note.action, note.why)


_SAID: Final = "what a de-identified instance says of itself (PS3.15 E.1.1)"


def _explained(
    elements: Sequence[Element],
    where: str,
    notes: Mapping[tuple[str, int | None], list[Note]],
    *,
    above: Note | None,
    said: Collection[int] = (),
) -> Iterator[Explained]:
    """``above``: the sequence of these elements does not stay. ``said``: attributes that are written anew in any case."""
    for element in elements:
        waiting = notes.get((where, element.tag), [])
        note = waiting.pop(0) if waiting else None
        path, name = f"{where}{tag_text(element.tag)}", keyword(element.tag)
        if above is not None:
            yield Explained(path, name, above.action, f"stands in what does not stay: {above.why}")
        elif note is not None:
            yield Explained(path, name, note.action, note.why)
        elif element.tag in said:
            yield Explained(path, name, "replace", _SAID)
        elif element.tag >> 16 != PIXEL_DATA >> 16:
            yield Explained(path, name, "keep", "nothing in it identifies")
        elif element.tag & 0xFFFF in (8, 9, 16):
            yield Explained(path, name, "keep", "the pixels; see --pixels")
        else:
            yield Explained(path, name, "remove", "says where frames lie, which the pixels tell")
        gone = above or (note if note is not None and note.action in ("remove", "empty") else None)
        for number, item in enumerate(element.items or ()):
            yield from _explained(item.elements, f"{path}[{number}].", notes, above=gone)


def _everything(elements: Iterable[Element]) -> Iterator[Element]:
    for element in elements:
        yield element
        for item in element.items or ():
            yield from _everything(item.elements)


def survey(source: Source, *, pixels: PixelMode, reader: TextReader | None) -> Survey:
    """What a file would tell, by category; text in its pixels too, where they are due and somebody reads."""
    with spool(source.size) as keep:
        header = walk(source, ahead=_AHEAD, spool=keep)
        object_ = received(header)
        known = identifiers(header, object_.charset)
        findings = Counter(str(kind) for kind, _, _ in known.found)
        findings.update({str(kind): count for kind, count in known.counted.items()})
        private = sum(element.tag >> 16 & 1 and bool(element.length) for element in _everything(header.elements))
        if private:
            findings["private"] = private
        if object_.sop_class in _DOCUMENTS:
            findings["document"] = 1
        looking = gate.due(object_, mode=pixels).look
        if looking is Look.QUARANTINE:
            findings["face"] = 1
        elif looking is Look.READ:
            work = Work(object_, profile(), PseudonymKeys(bytes(32)))
            read = _read(object_, reader, work) if reader is not None else _UNREAD
            findings.update(read.found)
            if read.quarantined:
                findings["face"] = 1
            if read.outcome in (PixelOutcome.UNREAD, PixelOutcome.REVIEW):
                findings[f"pixels: {read.outcome}"] = 1
    return Survey("leaks" if findings else "clean", dict(sorted(findings.items())), modality=object_.modality)
