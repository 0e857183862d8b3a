"""What a run leaves behind for people: one record a file, and one page that needs nothing beside it.

``records.jsonl`` has the path of every input file, which names patients: it stays inside. ``report.html`` has no input path
and no output name, so that it can go along with the outputs.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from importlib import resources
from itertools import pairwise
from pathlib import Path
from string import Template
from typing import IO, Any

from leadglass import __version__
from leadglass.adapters.batch.journal import Journal, Record
from leadglass.assemble.desk import PixelOutcome, State
from leadglass.deid.profile import EDITION, Profile
from leadglass.errors import UnavailableError
from leadglass.model.entry import timestamp

_SHOWN = 40
"""Rows of a table; what is rarer is counted together."""
_CHINESE: Mapping[str, str] = {
    State.DONE: "已处理",
    State.QUARANTINED: "已隔离",
    State.SKIPPED: "已跳过",
    PixelOutcome.OFF: "未要求读取",
    PixelOutcome.UNREAD: "应读而未读",
    PixelOutcome.CLEAN: "未见文字",
    PixelOutcome.REMOVED: "已去除文字",
    PixelOutcome.REVIEW: "待人工复核",
}
_PIXELS: Mapping[str, str] = {
    PixelOutcome.OFF: "not asked for, or nothing to read",
    PixelOutcome.UNREAD: "due for reading, and nothing that reads is installed",
    PixelOutcome.CLEAN: "read, nothing found",
    PixelOutcome.REMOVED: "read, text found and removed",
    PixelOutcome.REVIEW: "somebody has to look",
}


@dataclass
class Counts:
    """Every record of a run, counted."""

    files: int = 0
    received: int = 0
    written: int = 0
    parted: int = 0
    """Outputs with their digest in their name."""
    states: Counter[str] = field(default_factory=Counter)
    modalities: dict[str, Counter[str]] = field(default_factory=dict)
    pixels: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    seconds: Counter[int] = field(default_factory=Counter)
    """Files by the second, since 1970, in which they were done."""
    versions: set[str] = field(default_factory=set)

    def count(self, record: Record, version: str) -> None:
        """One record more."""
        self.files += 1
        self.received += record.size
        self.states[record.state] += 1
        self.modalities.setdefault(record.modality or "—", Counter())[record.state] += 1
        self.seconds[record.at // 1000] += 1
        self.versions.add(version)
        if record.state == State.DONE:
            self.written += record.written_size or 0
            self.parted += record.output != record.wanted
            self.pixels[record.pixels] += 1
            self.findings.update(record.findings)
        elif record.state == State.QUARANTINED:
            self.quarantined[_without_numbers(record.reason)] += 1
        else:
            self.skipped[_without_numbers(record.reason)] += 1


def write_report(journal: Journal, folder: Path, *, profile: Profile, settings: Mapping[str, Any]) -> None:
    """Write ``records.jsonl`` and ``report.html`` of everything on record into ``folder``, each whole or not at all.

    Raises:
        UnavailableError: the folder cannot be written.
    """
    counts = Counts()
    with _whole(folder / "records.jsonl") as file:
        for source, version, record in journal.records():
            counts.count(record, version)
            file.write(json.dumps(_fields(source, version, record), ensure_ascii=False) + "\n")
    with _whole(folder / "report.html") as file:
        file.write(page(counts, sessions=journal.sessions(), profile=profile, settings=settings))


@contextmanager
def _whole(path: Path) -> Iterator[IO[str]]:
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        # A file name that is no text is escaped, and in JSON stays the same name.
        with open(unfinished, "w", encoding="utf-8", errors="backslashreplace", opener=_owners_alone) as file:
            yield file
        unfinished.replace(path)
    except OSError as error:
        raise UnavailableError(f"{path.name} cannot be written: {error.strerror}", hint=f"look at {path.parent}") from error


def _owners_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _fields(source: str, version: str, record: Record) -> Mapping[str, Any]:
    return {
        "path": f"{source}/{record.path}",
        "output": record.output,
        "state": record.state,
        "reason": record.reason,
        "pixels": record.pixels,
        "findings": record.findings,
        "modality": record.modality,
        "sop_class": record.sop_class,
        "size": record.size,
        "received": record.received,
        "written": record.written,
        "time": timestamp(datetime.fromtimestamp(record.at / 1000, UTC)),
        "version": version,
    }


def _without_numbers(reason: str | None) -> str:
    """The reason without offsets and lengths, which would make every one the only one of its kind."""
    return re.sub(r"(?<![\w(,.])\d+(?![\w,.)])", "…", reason or "no reason was given")


# The page


def page(
    counts: Counts,
    *,
    sessions: Sequence[tuple[int, int | None, str, str]],
    profile: Profile,
    settings: Mapping[str, Any],
) -> str:
    """The page, without any name or path."""
    template = Template((resources.files(__package__) / "report.html").read_text(encoding="utf-8"))
    return template.substitute(
        lead=_lead(counts),
        strip=_strip(counts, sessions),
        states=_bars(counts.states, chinese=True),
        modalities=_modalities(counts.modalities),
        findings=_bars(counts.findings),
        pixels=_bars(counts.pixels, chinese=True, explained=_PIXELS),
        undone="".join(_undone(counts)),
        throughput=_throughput(counts.seconds),
        settings=_settings(profile, settings, counts),
        sessions=_sessions(sessions),
        conformance="".join(_conformance(profile, counts)),
        version=escape(__version__),
        written=timestamp(datetime.now(UTC)),
    )


def _lead(counts: Counts) -> str:
    done, held = counts.states[State.DONE], counts.states[State.QUARANTINED]
    return (
        f"{counts.files:,} files came in. {done:,} outputs were written, {held:,} files were held back, "
        f"{counts.states[State.SKIPPED]:,} were left aside."
        f'<span class="zh" lang="zh-CN">收到 {counts.files:,} 个文件：写出 {done:,} 个，隔离 {held:,} 个，'
        f"跳过 {counts.states[State.SKIPPED]:,} 个。</span>"
    )


def _strip(counts: Counts, sessions: Sequence[tuple[int, int | None, str, str]]) -> str:
    seconds = sum(ended - started for started, ended, *_ in sessions if ended is not None) / 1000
    facts = (
        (f"{counts.files:,}", "files in", "收到文件"),
        (f"{counts.states[State.DONE]:,}", "outputs", "输出文件"),
        (f"{counts.states[State.QUARANTINED]:,}", "held back", "隔离"),
        (_size(counts.received), "received", "收到数据量"),
        (f"{counts.files / seconds:,.0f}/s" if seconds else "—", "files, over all sessions", "平均每秒文件数"),
    )
    return "".join(
        f'<div><b>{value}</b><span>{what}<br><span lang="zh-CN">{chinese}</span></span></div>'
        for value, what, chinese in facts
    )


def _bars(counter: Counter[str], *, chinese: bool = False, explained: Mapping[str, str] | None = None) -> str:
    """A table with a bar in each row, the longest for the most."""
    if not counter:
        return '<p class="gone">none <span lang="zh-CN">无</span></p>'
    most = max(counter.values())
    rows = counter.most_common(_SHOWN)
    rest = sum(counter.values()) - sum(number for _, number in rows)
    if rest:
        rows.append((f"{len(counter) - _SHOWN} others", rest))
    lines = []
    for name, number in rows:
        more = f' <span lang="zh-CN">{_CHINESE[name]}</span>' if chinese and name in _CHINESE else ""
        why = f"<br><small>{escape(explained[name])}</small>" if explained and name in explained else ""
        width = max(0.4, 100 * number / most)
        lines.append(
            f'<tr class="{_class(name)}"><th>{escape(name)}{more}{why}</th>'
            f'<td class="bar"><svg viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="{number}">'
            f'<rect width="{width:.2f}" height="10" rx="1"/></svg></td><td class="n">{number:,}</td></tr>'
        )
    return f'<div class="scroll"><table class="bars"><tbody>{"".join(lines)}</tbody></table></div>'


def _class(name: str) -> str:
    return name if name in _CHINESE else "other"


def _modalities(modalities: Mapping[str, Counter[str]]) -> str:
    states = tuple(State)
    head = "".join(f'<th class="n">{state} <span lang="zh-CN">{_CHINESE[state]}</span></th>' for state in states)
    most = sorted(modalities.items(), key=lambda each: (-each[1].total(), each[0]))[:_SHOWN]
    rows = []
    for name, counter in most:
        cells = "".join(f'<td class="n">{counter[state]:,}</td>' for state in states)
        rows.append(f"<tr><th>{escape(name)}</th>{cells}</tr>")
    return f'<div class="scroll"><table><thead><tr><th></th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _undone(counts: Counts) -> Iterator[str]:
    yield _titled("Held back", "隔离", _bars(counts.quarantined))
    yield _titled("Left aside", "跳过", _bars(counts.skipped))
    notes = (
        (
            counts.pixels[PixelOutcome.UNREAD],
            "outputs have pixels that were due for reading and were not read: burned-in text may be in them",
            "个输出的像素应读而未读，可能含有烧录文字",
        ),
        (counts.pixels[PixelOutcome.REVIEW], "outputs wait for a person who looks at their pixels", "个输出待人工复核像素"),
        (
            counts.pixels[PixelOutcome.OFF],
            "outputs have pixels that nobody was asked to read, or none",
            "个输出未要求读取像素或无像素",
        ),
        (
            counts.parted,
            "outputs have the beginning of their digest in their name, because files with one SOP Instance UID differ",
            "个输出因同一 SOP Instance UID 下内容不同而在文件名中加入摘要",
        ),
    )
    items = [
        f'<li>{number:,} {what}<span lang="zh-CN">{number:,} {chinese}</span></li>'
        for number, what, chinese in notes
        if number
    ]
    yield f"<ul>{''.join(items)}</ul>" if items else ""


def _titled(title: str, chinese: str, content: str) -> str:
    return f'<h3>{title} <span lang="zh-CN">{chinese}</span></h3>{content}'


def _throughput(seconds: Counter[int]) -> str:
    """Files a second over time; the time between two sessions is left out."""
    if not seconds:
        return ""
    stamps = sorted(seconds)
    # Seconds in which nothing was finished, up to a minute, belong to the run; longer ones are no run.
    elapsed, place = 0, {stamps[0]: 0}
    for before, after in pairwise(stamps):
        elapsed += min(after - before, 60)
        place[after] = elapsed
    width = max(1, -(-(elapsed + 1) // 120))
    bins = [0] * (elapsed // width + 1)
    for stamp, number in seconds.items():
        bins[place[stamp] // width] += number
    most = max(bins) / width
    step = 960 / len(bins)
    bars = "".join(
        f'<rect x="{40 + index * step:.1f}" y="{150 - 130 * number / width / most:.1f}" width="{max(step - 0.6, 0.6):.1f}" '
        f'height="{130 * number / width / most:.1f}"/>'
        for index, number in enumerate(bins)
    )
    return (
        '<svg class="time" viewBox="0 0 1010 182" role="img" aria-label="files a second over time">'
        f'{bars}<path d="M40 20V150H1000" fill="none"/>'
        f'<text x="34" y="26" text-anchor="end">{most:,.0f}/s</text><text x="34" y="154" text-anchor="end">0</text>'
        f'<text x="40" y="172">0 s</text><text x="1000" y="172" text-anchor="end">{elapsed + 1:,} s</text></svg>'
    )


def _settings(profile: Profile, settings: Mapping[str, Any], counts: Counts) -> str:
    rows = (
        (
            "Profile",
            "规则",
            f"{profile.name}" + (f", changed by a file, SHA-256 {profile.digest}" if profile.digest else ""),
        ),
        ("Options", "选项", ", ".join(sorted(profile.options)) or "none"),
        ("Pixels", "像素", str(settings["pixels"])),
        ("Names of outputs", "输出命名", str(settings["names"])),
        ("Encapsulated documents", "封装文档", "let through" if settings["documents"] else "held back"),
        ("Project", "项目", str(settings["project"]) or "—"),
        ("Recipient", "接收方", str(settings["recipient"]) or "—"),
        ("Pseudonyms", "假名", f"HMAC with {settings['digest']}; fingerprint of the key {settings['key']}"),
        ("Way back", "还原", "a sealed residue was kept" if settings["residue"] else "none was kept"),
        ("leadglass", "版本", ", ".join(sorted(counts.versions)) or __version__),
    )
    lines = "".join(
        f'<tr><th>{name} <span lang="zh-CN">{chinese}</span></th><td>{escape(value)}</td></tr>'
        for name, chinese, value in rows
    )
    return f'<div class="scroll"><table class="settings"><tbody>{lines}</tbody></table></div>'


def _sessions(sessions: Iterable[tuple[int, int | None, str, str]]) -> str:
    titles = ("started (UTC)", "ended", "version", "engine")
    head = "".join(f"<th>{title}</th>" for title in titles)
    rows = []
    for started, ended, version, engine in sessions:
        cells = (_time(started), _time(ended) if ended is not None else "did not end", version, engine)
        rows.append(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>")
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _conformance(profile: Profile, counts: Counts) -> Iterator[str]:
    yield (
        f"<p>Every output was treated by DICOM PS3.15 {EDITION}, annex E, with every row of Table E.1-1 at every depth, and "
        "says so in De-identification Method and its Code Sequence. Longitudinal Temporal Information Modified is "
        f"<b>{escape(profile.temporal)}</b>."
        f'<span class="zh" lang="zh-CN">全部输出均按 DICOM PS3.15 {EDITION} 附录 E 处理，'
        "表 E.1-1 各行在任意嵌套深度均适用。</span></p>"
    )
    rows = "".join(
        f"<tr><td>{method.code}</td><td>DCM</td><td>{escape(method.meaning)}</td></tr>" for method in profile.methods
    )
    yield (
        '<div class="scroll"><table><thead><tr><th>code</th><th>scheme</th><th>meaning</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
    read = counts.pixels[PixelOutcome.CLEAN] + counts.pixels[PixelOutcome.REMOVED]
    yield (
        f"<p>Clean Pixel Data (113101) is claimed only in the {read:,} outputs whose pixels were read. An image can tell "
        "who it is of without any text: whoever holds another film of the same person may recognise it. No header rule "
        'changes that.<span class="zh" lang="zh-CN">'
        f"仅 {read:,} 个已读取像素的输出声明 113101。影像本身也可能被比对识别，与文件头无关。</span></p>"
    )


def _time(milliseconds: int) -> str:
    return timestamp(datetime.fromtimestamp(milliseconds / 1000, UTC))


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} PB"
