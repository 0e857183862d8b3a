"""The story as one HTML page that needs nothing beside it: pictures inside, no script, no font from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from importlib import resources
from itertools import groupby
from string import Template

import numpy as np
from pydicom.datadict import dictionary_description
from pydicom.uid import UID

from leadglass import __version__
from leadglass.adapters.files import FileSource
from leadglass.deid.charset import decode_text
from leadglass.demo.leak import Leaked
from leadglass.demo.pictures import COLOURS, Grey, data_uri, look, outlined, partitioned, window_of
from leadglass.demo.story import Asked, Copy, Line, Picture, Story, Taken, read_picture
from leadglass.dicom.header import tag_text
from leadglass.dicom.instance import Identified
from leadglass.model.access import Decision, Outcome
from leadglass.model.entry import timestamp
from leadglass.model.region import RegionKind

CITATION = (
    "Armato III SG, McLennan G, Bidaut L, et al. Data From LIDC-IDRI (2015). The Cancer Imaging Archive. "
    "doi:10.7937/K9/TCIA.2015.LO9QL9SX. Clark K, Vendt B, Smith K, et al. The Cancer Imaging Archive (TCIA): Maintaining "
    "and Operating a Public Information Repository. Journal of Digital Imaging 26(6), 2013, 1045-1057."
)

_ROWS = 640
"""Height of a picture of the followed film; of the others half."""

_TAGS = (
    0x00100010,  # Patient's Name
    0x00100020,  # Patient ID
    0x00100030,  # Patient's Birth Date
    0x00100040,  # Patient's Sex
    0x00101040,  # Patient's Address
    0x00080050,  # Accession Number
    0x00080020,  # Study Date
    0x00080080,  # Institution Name
    0x00080090,  # Referring Physician's Name
    0x00181000,  # Device Serial Number
    0x00080018,  # SOP Instance UID
    0x00120062,  # Patient Identity Removed
)

_NAMES: Mapping[RegionKind, str] = {
    RegionKind.TEXT: "text",
    RegionKind.HEART: "heart",
    RegionKind.LUNG_RIGHT: "right lung",
    RegionKind.LUNG_LEFT: "left lung",
    RegionKind.REST: "rest",
}


def write_report(story: Story) -> str:
    """The page. Of the patients it names the one whose film is followed, and nobody else."""
    template = Template((resources.files(__package__) / "report.html").read_text(encoding="utf-8"))
    return template.substitute(
        claims=len(story.claims),
        strip=_strip(story),
        gallery="".join(_gallery(story.taken)),
        identity=_identity(story),
        life="".join(_life(story)),
        leaked="".join(map(_leaked, story.leaked)) or "<p>Left out: the extra <code>trace</code> is not installed.</p>",
        alone=_figure(
            data_uri(story.alone.sheet),
            f"<b>{story.alone.outlined} of {story.alone.films} films</b> have outlines: lungs shown, all else under tiles.",
            alt="a contact sheet of all films, lungs shown, the rest covered",
        ),
        requests=_requests(story.asked),
        checkpoint=escape(story.checkpoint),
        tampering="".join(_tampering(story)),
        timeline=_timeline(story),
        numbers=_numbers(story),
        all_claims="".join(f"<li>{escape(claim)}</li>" for claim in story.claims),
        citation=escape(CITATION),
        version=escape(__version__),
        written=timestamp(story.timeline[-1].time),
    )


def _strip(story: Story) -> str:
    copies = (story.reader, story.ward, story.company)
    facts = (
        (str(len(story.taken)), "films in", "张胶片入库"),
        (str(len(copies)), "copies out, each with its receipt", "份副本，各有回执"),
        (str(sum(asked.decision.outcome is Outcome.FORBID for asked in story.asked)), "requests refused", "次请求被拒"),
        (str(len(story.timeline)), "log entries, all signed", "条日志，全部签名"),
        (f"{story.seconds:.0f} s", "door to door, all films", "全程用时"),
    )
    return "".join(
        f'<div><b>{value}</b><span>{what}<br><span lang="zh-CN">{chinese}</span></span></div>'
        for value, what, chinese in facts
    )


def _gallery(taken: Sequence[Taken]) -> Iterator[str]:
    for number, each in enumerate(taken, start=1):
        film = each.film
        with FileSource(film.path) as source:
            picture = data_uri(look(read_picture(source).frame, rows=_ROWS // 2))
        found = "outlined" if RegionKind.HEART in each.instance.kinds else "software abstained"
        yield _figure(
            picture,
            f"<b>Film {number}</b> {escape(film.view)}<br>{film.rows} x {film.columns}, {film.bits} bits, "
            f"{escape(film.photometric)}<br>{_encoding(film.transfer_syntax)}<br>{found}",
            alt=f"film {number} as received, {film.view}",
        )


def _identity(story: Story) -> str:
    holders = (
        ("as received", story.received),
        ("at rest", story.at_rest),
        ("A: dr.demo, reader", story.reader.picture),
        ("B: ward.demo, referrer", story.ward.picture),
        (f"C: {story.company.holder}", story.company.picture),
    )
    head = "".join(f"<th>{escape(name)}</th>" for name, _ in holders)
    rows = []
    for tag in _TAGS:
        received = _text(story.received.header, tag)
        cells = "".join(_value(_text(picture.header, tag), received) for _, picture in holders)
        rows.append(f"<tr><th>{escape(dictionary_description(tag))}<br>{tag_text(tag)}</th>{cells}</tr>")
    return f"<thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"


def _value(text: str | None, received: str | None) -> str:
    if not text:
        return '<td class="gone">—</td>' if text is None else '<td class="gone">empty</td>'
    return f'<td class="id {"kept" if text == received else "new"}">{escape(text)}</td>'


def _text(header: Identified, tag: int) -> str | None:
    value = header.value(tag)
    return None if value is None else decode_text(value, header.charset).strip(" \0")


def _life(story: Story) -> Iterator[str]:
    window = window_of(story.received.frame)

    def seen(picture: Picture) -> Grey:
        return look(picture.frame, rows=_ROWS, window=window)

    received, film = seen(story.received), story.taken[0].film
    elements = len(story.received.header.top)
    areas = {kind: story.partition.mask([kind]) for kind in story.partition.kinds}
    shares = "".join(_key(kind, f"{_NAMES[kind]} {float(mask.mean()):.0%}") for kind, mask in areas.items())
    outlines = "".join(_key(kind, _NAMES[kind]) for kind in story.outlines.masks)
    stages = (
        (
            received,
            ("Received", "收到"),
            f"{film.rows} x {film.columns}, {film.bits} bits; its header of {elements} elements says who it is.",
        ),
        (
            outlined(received, story.outlines.masks, rows=_ROWS),
            ("Found", "识别"),
            f"Outlines by software, confidence {story.outlines.confidence:.2f}.<br>{outlines}",
        ),
        (
            partitioned(received, areas, rows=_ROWS),
            ("Divided", "划分"),
            f"Whole cells: the outline of an organ would identify, too.<br>{shares}",
        ),
        (
            seen(story.at_rest),
            ("At rest", "存放"),
            "The cleaned file, as the site's keys unseal it: one grey, no name. Each region is sealed apart.",
        ),
        (seen(story.reader.picture), ("A: the reader", "阅片医生"), _given(story.reader, "Own order: whole film, at once.")),
        (seen(story.ward.picture), ("B: the ward", "病房"), _given(story.ward, "Asked for lungs and heart.")),
        (
            seen(story.company.picture),
            ("C: a company", "外部公司"),
            _given(story.company, "Asked for everything; got lungs, after two people agreed."),
        ),
        (
            seen(story.lifted),
            ("Lifted", "揭开"),
            f"C's file with a key for: {_listed(story.lifted_kinds)}. Opened offline, as received but for C's mark.",
        ),
        (
            seen(story.restored),
            ("Restored", "还原"),
            f"The received file, bit for bit. SHA-256 of both: <code>{story.sha256[:24]}&hellip;</code>",
        ),
    )
    for number, (picture, (title, chinese), text) in enumerate(stages, start=1):
        caption = f'<b><i>{number}</i>{escape(title)}<em lang="zh-CN">{chinese}</em></b>{text}'
        yield _figure(data_uri(picture), caption, alt=f"the film {title.lower()}")


def _leaked(leaked: Leaked) -> str:
    traced = leaked.traced
    answer = "No film of this site: nobody is named."
    if traced.named:
        named = traced.named[0]
        odds = 10 ** int(-np.log10(named.false_accusation)) if named.false_accusation > 1e-15 else 10**15
        answer = (
            f"A copy of <strong>{escape(named.release.recipient)}</strong>. By chance: less than once in {odds:,} pictures."
        )
    altered = len(traced.altered)
    changed = f" In {altered} place{'s' * (altered != 1)} it shows something else than the original." if altered else ""
    page = f'<br><a href="site/cases/{escape(traced.case)}/evidence.html">the evidence</a>'
    title = f'<b>{escape(leaked.title)}<em lang="zh-CN">{leaked.chinese}</em></b>'
    caption = f"{title}{escape(leaked.story)}<br>{answer}{changed}{page}"
    return _figure(data_uri(leaked.picture), caption, alt=f"found: {leaked.title.lower()}")


def _given(copy: Copy, text: str) -> str:
    release = copy.release
    chips = [f'<span class="chip">{_NAMES[kind]}</span>' for kind in release.shown]
    chips += [f'<span class="chip off">{_NAMES[kind]}</span>' for kind in release.covered]
    chips.append('<span class="chip">name</span>' if release.identity else '<span class="chip off">name</span>')
    return f"{escape(text)} Entry {copy.index} of the log.<br>{''.join(chips)}"


def _requests(asked: Iterable[Asked]) -> str:
    titles = ("who", "asked for", "decision", "shown", "who else spoke", "why")
    head = "".join(f"<th>{title}</th>" for title in titles)
    return f"<thead><tr>{head}</tr></thead><tbody>{''.join(map(_request, asked))}</tbody>"


def _request(asked: Asked) -> str:
    request, decision = asked.request, asked.decision
    wanted = _listed(request.regions) + (" and the name" if request.identity else "")
    recipient = f"<br>for {escape(request.recipient)}" if request.recipient != asked.who else ""
    shown = _shown(decision)
    spoke = "<br>".join(
        f"{escape(each.approver)}: {'yes' if each.approve else 'no'}, &ldquo;{escape(each.note or '')}&rdquo;"
        for each in asked.approvals
    )
    cells = (
        f"<td>{escape(asked.who)}</td>",
        f"<td><b>{request.action}</b>, {request.purpose}: {escape(wanted)}{recipient}</td>",
        f'<td class="{decision.outcome}">{decision.outcome}</td>',
        f"<td>{escape(shown)}</td>",
        f"<td>{spoke or '—'}</td>",
        f"<td>{escape('; '.join(decision.reasons)) or 'permitted as asked'}</td>",
    )
    return f"<tr>{''.join(cells)}</tr>"


def _shown(decision: Decision) -> str:
    if not decision.shown:
        return "nothing"
    return f"{_listed(decision.shown)}, {'name' if decision.identity else 'no name'}"


def _listed(kinds: Sequence[RegionKind]) -> str:
    lungs = (RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT)
    names = ["lungs"] if set(lungs) <= set(kinds) else []
    return ", ".join([*names, *(_NAMES[kind] for kind in kinds if not (names and kind in lungs))])


def _tampering(story: Story) -> Iterator[str]:
    yield _card("The log as it is", "every entry, record, tile and signature verifies", good=True)
    yield _card(
        f"The receipt of {story.company.holder}",
        f"proves entry {story.company.index} to whoever has the log's public key",
        good=True,
    )
    for each in story.tampering:
        yield _card(f"{each.what[:1].upper()}{each.what[1:]}", *dict.fromkeys(each.where), good=False)


def _card(title: str, *lines: str, good: bool) -> str:
    said = "".join(f"<code>{escape(line)}</code>" for line in lines)
    return f'<div class="card{" good" if good else ""}"><b>{escape(title)}</b>{said}</div>'


def _timeline(story: Story) -> str:
    head = "".join(f"<th>{title}</th>" for title in ("time (UTC)", "entry", "action", "actor", "detail"))
    ours = story.taken[0].instance.id
    rows = []
    for _, group in groupby(story.timeline, key=_chapter):
        lines = tuple(group)
        first, last = lines[0], lines[-1]
        place = f"{first.index}" if first is last else f"{first.index}–{last.index}"
        marked = "refused" if "refused" in first.action else "ours" if first.subject == ours else ""
        time = timestamp(first.time)[11:-1]
        detail = "; ".join(dict.fromkeys(filter(None, map(_detail, lines))))
        if first.action == "ingested":
            detail = f"{len(lines)} films: {detail}"
        rows.append(
            f'<tr class="{marked}"><td>{time}</td><td>{place}</td><td>{escape(first.action)}</td>'
            f"<td>{escape(first.actor)}</td><td>{escape(detail)}</td></tr>"
        )
    return f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"


def _chapter(line: Line) -> tuple[str, int | None]:
    """Lines that are told as one: the first people, and the films as they came in."""
    return line.action, None if line.action in ("person added", "ingested", "identity listed") else line.index


_KINDS = frozenset({"regions", "shown", "covered"})


def _detail(line: Line) -> str:
    """The few words of a record that say most."""
    told = []
    for name in _TOLD:
        value = line.detail.get(name)
        if not value or value == line.actor or (name == "regions" and "decision" in line.detail):
            continue
        if name in _KINDS:
            told.append(f"{name} {_listed([RegionKind(kind) for kind in value])}")
        else:
            text = "; ".join(value) if isinstance(value, list) else str(value)
            told.append(f"{name} {text}" if name in _PREFIXED else text)
    return ", ".join(told)


_PREFIXED = frozenset({"recipient", "pixels", "reader", "referrer"})
_TOLD = (
    *("person", "reader", "referrer", "asked", "purpose", "recipient", "decision"),
    *("regions", "shown", "covered", "pixels", "note", "reasons"),
)


def _numbers(story: Story) -> str:
    titles = ("film", "view", "pixels", "encoding as received", "regions", "bytes in", "bytes at rest", "seconds")
    head = "".join(f'<th class="{"n" if title in titles[5:] else ""}">{title}</th>' for title in titles)
    rows = [_number(number, each) for number, each in enumerate(story.taken, start=1)]
    count = len(story.taken)
    rows.append(
        f'<tr><th colspan="5">all {count}</th><td class="n">{sum(each.size for each in story.taken):,}</td>'
        f'<td class="n">{sum(each.at_rest for each in story.taken):,}</td>'
        f'<td class="n">{sum(each.seconds for each in story.taken) / count:.2f} a film</td></tr>'
    )
    return f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"


def _number(number: int, each: Taken) -> str:
    film = each.film
    return (
        f"<tr><td>Film {number}</td><td>{escape(film.view)}</td><td>{film.rows} x {film.columns} x {film.bits} bit</td>"
        f"<td>{_encoding(film.transfer_syntax)}</td><td>{_listed(each.instance.kinds)}</td>"
        f'<td class="n">{each.size:,}</td><td class="n">{each.at_rest:,}</td><td class="n">{each.seconds:.2f}</td></tr>'
    )


def _key(kind: RegionKind, text: str) -> str:
    red, green, blue = COLOURS[kind]
    return f'<span class="chip key" style="--key: rgb({red} {green} {blue})">{text}</span>'


def _figure(source: str, caption: str, *, alt: str) -> str:
    return f'<figure><img src="{source}" alt="{escape(alt)}"><figcaption>{caption}</figcaption></figure>'


def _encoding(transfer_syntax: str) -> str:
    """The transfer syntax's name without what stands in brackets or after a comma."""
    return escape(UID(transfer_syntax).name.partition(" (")[0].partition(",")[0])
