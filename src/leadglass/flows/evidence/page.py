"""The page itself: ``pages`` gives file names and their bytes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib import resources
from statistics import NormalDist
from string import Template

import numpy as np

from leadglass import __version__
from leadglass.flows.evidence.exhibit import Exhibit, NamedRelease, log10_bound
from leadglass.flows.evidence.frame import Points, corners, extent, in_film_frame, shown
from leadglass.flows.evidence.numbers import coefficients_digest, numbers, versions
from leadglass.flows.evidence.pictures import brought_back, checkered, data_uri, differences, red_cyan, shrunk
from leadglass.flows.evidence.plot import plot
from leadglass.flows.evidence.texts import KINDS, Language, day, odds, power_of_ten, say
from leadglass.mark.accuse import Verdict
from leadglass.mark.found import Alignment, Grey
from leadglass.model.entry import timestamp

ENGLISH_PAGE, CHINESE_PAGE, NUMBERS = "evidence.html", "evidence.zh.html", "evidence.json"

_ROWS = 200
"""Rows of the table of releases; the file of numbers has them all."""

_SIZES = 4
"""Altered places whose size is said in the sentence."""

_NEGATIVE = -6.5
"""z below which the page says what a negative score means; by chance once in ten thousand million."""


def pages(exhibit: Exhibit) -> Mapping[str, bytes]:
    """The files of one case: two pages that link to each other, and every number of them as JSON.

    Receipts are not among them: their names stand in ``exhibit.releases``, and whoever writes these files puts them beside.
    """
    pictures = _Pictures(exhibit)
    # A file name that is no text is escaped.
    english, chinese = (
        _page(exhibit, pictures, language).encode(errors="backslashreplace")
        for language in (Language.ENGLISH, Language.CHINESE)
    )
    return {ENGLISH_PAGE: english, CHINESE_PAGE: chinese, NUMBERS: numbers(exhibit)}


class _Pictures:
    """The pictures of an exhibit as data URIs, made once for both languages."""

    def __init__(self, exhibit: Exhibit) -> None:
        self.found = data_uri(exhibit.picture)
        made = exhibit.alignment
        self.compared: tuple[str, ...] = () if made is None else tuple(data_uri(shrunk(each)) for each in _compared(made))


def _compared(alignment: Alignment) -> tuple[Grey, ...]:
    return (
        brought_back(alignment),
        alignment.expected,
        checkered(alignment),
        red_cyan(alignment),
        differences(alignment),
    )


def _page(exhibit: Exhibit, pictures: _Pictures, language: Language) -> str:
    template = Template((resources.files(__package__) / "page.html").read_text(encoding="utf-8"))
    english = language is Language.ENGLISH
    return template.substitute(
        lang=language,
        title=say("title", language),
        case=say("case", language, case=escape(exhibit.case)),
        other=CHINESE_PAGE if english else ENGLISH_PAGE,
        other_lang=Language.CHINESE if english else Language.ENGLISH,
        other_name=say("other_language", language),
        confidential=say("confidential", language),
        verdict=exhibit.verdict,
        answer=_answer(exhibit, language),
        body="".join(_sections(exhibit, pictures, language)),
        written=say("written", language, version=escape(__version__)),
        time=timestamp(exhibit.traced),
    )


def _sections(exhibit: Exhibit, pictures: _Pictures, language: Language) -> Iterator[str]:
    if exhibit.named:
        title = "who" if len(exhibit.named) == 1 else "who_several"
        yield _section(title, language, *(_copy(each, exhibit, language) for each in exhibit.named))
    yield _section("found", language, _found(exhibit, pictures, language))
    if exhibit.alignment is not None:
        yield _section("altered", language, *_altered(exhibit, language))
        yield _section("compare", language, *_comparison(exhibit, pictures, language))
    if exhibit.releases:
        yield _section("statistic", language, *_statistic(exhibit, language))
        yield _section("tried", language, *_tried(exhibit, language))
    yield _section("log" if exhibit.named else "log_state", language, *_log(exhibit, language))
    yield _section("limits", language, _limits(exhibit, language))
    yield _section("method", language, *_method(exhibit, language))


def _section(title: str, language: Language, *content: str) -> str:
    return f'<section id="{title}"><h2>{say(title, language)}</h2>{"".join(content)}</section>'


def _paragraph(text: str, style: str = "") -> str:
    return f'<p class="{style}">{text}</p>' if style else f"<p>{text}</p>"


# The answer


def _answer(exhibit: Exhibit, language: Language) -> str:
    first, *others = _said(exhibit, language)
    lines = "".join(_paragraph(each, "bound") for each in others)
    return f'<p class="answer">{first}</p>{lines}<div class="strip">{"".join(_facts(exhibit, language))}</div>'


def _said(exhibit: Exhibit, language: Language) -> Iterator[str]:
    """The answer in one sentence, then what makes it bearable: how sure it is, or how it comes about."""
    match exhibit.verdict:
        case Verdict.RELEASE | Verdict.SEVERAL:
            yield from _naming(exhibit, language)
        case Verdict.OURS:
            yield from _no_name(exhibit, language)
        case Verdict.UNKNOWN:
            yield say("verdict_unknown", language)
            yield say("why_unknown", language, films=f"{exhibit.films_searched:,}")


def _naming(exhibit: Exhibit, language: Language) -> Iterator[str]:
    named, accusation = exhibit.named, exhibit.accusation
    if exhibit.verdict is Verdict.RELEASE:
        recipient = f"<b>{escape(named[0].recipient)}</b>"
        yield say("verdict_release", language, recipient=recipient, day=day(named[0].created, language))
    else:
        # One recipient may have had several copies.
        different = dict.fromkeys(f"<b>{escape(each.recipient)}</b>" for each in named)
        recipients = _listed(tuple(different), language)
        yield say("verdict_several", language, count=len(named), recipients=recipients)
    chance = log10_bound(named[-1].z, accusation.tests if accusation else 1)
    sure = say(f"bound_{exhibit.verdict}", language, odds=odds(chance, language))
    # From here on the odds are no longer said in full.
    yield say("space", language).join([sure, *([say("bound_high", language)] if chance < -12 else [])])


def _no_name(exhibit: Exhibit, language: Language) -> Iterator[str]:
    best, accusation = exhibit.best, exhibit.accusation
    if best is None or accusation is None:
        yield say("verdict_ours_none", language)
        yield say("why_ours", language)
        return
    yield say("verdict_ours", language, count=f"{len(exhibit.releases):,}")
    chance = odds(log10_bound(best.z, accusation.tests), language)
    score = say("bound_ours", language, z=f"{best.z:.2f}", threshold=f"{accusation.threshold:.2f}")
    by_chance = say("bound_ours_expected" if chance == "1" else "bound_ours_chance", language, odds=chance)
    yield say("space", language).join((score, by_chance))
    yield say("why_ours", language)


def _facts(exhibit: Exhibit, language: Language) -> Iterator[str]:
    accusation, best = exhibit.accusation, exhibit.named[-1] if exhibit.named else exhibit.best
    if accusation is None or best is None:
        yield _fact(f"{exhibit.films_searched:,}", "fact_films", language)
    else:
        yield _fact(f"{best.z:.1f}", "fact_z", language)
        yield _fact(f"{accusation.threshold:.2f}", "fact_threshold", language)
        yield _fact(power_of_ten(log10_bound(best.z, accusation.tests)), "fact_bound", language)
        yield _fact(f"{accusation.tests:,}", "fact_tests", language)
    if exhibit.alignment is not None:
        yield _fact(str(len(exhibit.altered)), "fact_altered", language)


def _fact(value: str, what: str, language: Language) -> str:
    return f"<div><b>{value}</b><span>{say(what, language)}</span></div>"


def _listed(items: Sequence[str], language: Language) -> str:
    *first, last = items
    return say("comma", language).join(first) + say("and", language) + last if first else last


# Who, and what was found


def _copy(each: NamedRelease, exhibit: Exhibit, language: Language) -> str:
    rows = (
        ("recipient", f"<b>{escape(each.recipient)}</b>"),
        ("requester", escape(each.requester)),
        ("purpose", escape(each.purpose)),
        ("created", timestamp(each.created)),
        ("release", _code(each.release)),
        ("instance", _code(exhibit.instance or "—")),
        ("digest", _code(each.digest)),
        ("shown", _kinds(each.shown, language)),
        ("covered", _kinds(each.covered, language)),
        ("column_z", f"{each.z:.2f}"),
        ("column_bound", power_of_ten(log10_bound(each.z, exhibit.accusation.tests if exhibit.accusation else 1))),
    )
    return _table(rows, language)


def _kinds(kinds: Sequence[str], language: Language) -> str:
    said = [KINDS[kind][language is Language.CHINESE] if kind in KINDS else escape(kind) for kind in kinds]
    return say("comma", language).join(said) or say("nothing", language)


def _table(rows: Sequence[tuple[str, str]], language: Language) -> str:
    lines = "".join(f"<tr><th>{say(name, language)}</th><td>{value}</td></tr>" for name, value in rows)
    return f'<table class="pairs"><tbody>{lines}</tbody></table>'


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _found(exhibit: Exhibit, pictures: _Pictures, language: Language) -> str:
    rows, columns = (round(side * exhibit.scale) for side in exhibit.picture.shape[:2])
    facts = [
        ("file", _code(exhibit.name)),
        ("sha256", _code(exhibit.sha256)),
        ("size", say("size_value", language, rows=f"{rows:,}", columns=f"{columns:,}")),
        ("traced", timestamp(exhibit.traced)),
        ("by", escape(exhibit.by)),
        ("origin", escape(exhibit.origin)),
    ]
    if exhibit.pages > 1:
        facts.insert(2, ("page", say("page_value", language, page=exhibit.page, pages=exhibit.pages)))
    if exhibit.alignment is not None:
        facts += [("instance", _code(exhibit.instance or "—")), ("views", _view(exhibit.alignment, language))]
    return f'<div class="pair">{_where(exhibit, pictures.found, language)}{_table(facts, language)}</div>'


def _view(alignment: Alignment, language: Language) -> str:
    turned = [
        say(name, language)
        for name, true in (("view_mirrored", alignment.mirrored), ("view_inverted", alignment.inverted))
        if true
    ] or [say("view_straight", language)]
    return say("comma", language).join([*turned, say("inliers", language, count=alignment.inliers)])


def _where(exhibit: Exhibit, uri: str, language: Language) -> str:
    if exhibit.alignment is None:
        return _figure(uri, exhibit.picture, say("where_unknown", language))
    outline = _polygon(shown(np.asarray(exhibit.alignment.outline, dtype=np.float64), exhibit.scale), "outline")
    boxes = _boxes([shown(corners(box), exhibit.scale) for box in exhibit.altered], exhibit.picture)
    caption = say("where_caption", language) + (say("where_boxes", language) if exhibit.altered else "")
    return _figure(uri, exhibit.picture, caption, outline + boxes)


# Found and original


def _altered(exhibit: Exhibit, language: Language) -> Iterator[str]:
    if not exhibit.altered:
        yield _paragraph(say("altered_none", language))
        return
    sizes = [_size(exhibit, number, language) for number in range(min(len(exhibit.altered), _SIZES))]
    if len(exhibit.altered) == 1:
        sentence = say("altered_one", language, sizes=sizes[0])
    else:
        more = len(exhibit.altered) - len(sizes)
        listed = say("comma", language).join([*sizes, *([say("altered_more", language, count=more)] if more else [])])
        sentence = say("altered_many", language, count=len(exhibit.altered), sizes=listed)
    yield _paragraph(sentence, "sentence")
    yield _paragraph(say("altered_meaning", language))


def _size(exhibit: Exhibit, number: int, language: Language) -> str:
    if exhibit.alignment is None:
        raise ValueError("an altered place without an alignment")
    size = extent(exhibit.altered[number], exhibit.alignment, exhibit.spacing)
    name = "extent_mm" if size.millimetres else "extent_percent"
    return say(name, language, width=f"{max(size.width, 1):.0f}", height=f"{max(size.height, 1):.0f}")


def _comparison(exhibit: Exhibit, pictures: _Pictures, language: Language) -> Iterator[str]:
    if exhibit.alignment is None:
        return
    film = exhibit.alignment.found
    boxes = _boxes([in_film_frame(corners(box), exhibit.alignment) for box in exhibit.altered], film)
    names = ("found_caption", "expected_caption", "checker_caption", "overlay_caption", "difference_caption")
    figures = [
        _figure(uri, film, say(name, language), "" if name == "checker_caption" else boxes)
        for uri, name in zip(pictures.compared, names, strict=True)
    ]
    yield _paragraph(say("compare_text", language))
    yield f'<div class="two">{"".join(figures[:2])}</div><div class="three">{"".join(figures[2:])}</div>'


def _figure(uri: str, picture: Grey, caption: str, drawn: str = "") -> str:
    """A picture with lines over it, in the picture's own pixels, so that they stay sharp in print."""
    rows, columns = picture.shape[:2]
    return (
        f'<figure><svg viewBox="-0.5 -0.5 {columns} {rows}" role="img" aria-label="{_plain(caption)}">'
        f'<image href="{uri}" x="-0.5" y="-0.5" width="{columns}" height="{rows}" preserveAspectRatio="none"/>{drawn}</svg>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _plain(caption: str) -> str:
    return escape(caption.replace("<b>", "").replace("</b>", ""))


def _boxes(places: Sequence[Points], picture: Grey) -> str:
    """Numbered boxes. Letters keep their size on paper, however many pixels the picture has."""
    unit = picture.shape[1] / 100
    drawn = []
    for number, points in enumerate(places, start=1):
        x, y = float(points[:, 0].min()), float(points[:, 1].min())
        drawn.append(
            f'{_polygon(points, "box")}<text class="number" x="{x:.1f}" y="{max(y - unit, 4 * unit):.1f}" '
            f'font-size="{4 * unit:.1f}">{number}</text>'
        )
    return "".join(drawn)


def _polygon(points: Points, style: str) -> str:
    return f'<polygon class="{style}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>'


# The statistic


def _statistic(exhibit: Exhibit, language: Language) -> Iterator[str]:
    accusation, alignment, innocents = exhibit.accusation, exhibit.alignment, exhibit.innocents
    if accusation is None or alignment is None:
        return
    chips = f"{alignment.coefficients.shape[1]:,}"
    yield _paragraph(say("statistic_text", language, chips=chips, innocents=f"{innocents.size:,}"))
    yield f'<figure class="plotted">{plot(exhibit, language)}</figure>'
    if innocents.size > 1:
        # The median of the largest of n normal numbers.
        expected = NormalDist().inv_cdf(0.5 ** (1 / innocents.size))
        yield _paragraph(
            say(
                "innocents_summary",
                language,
                count=f"{innocents.size:,}",
                mean=_minus(f"{innocents.mean():.2f}"),
                deviation=f"{innocents.std():.2f}",
                largest=_minus(f"{innocents.max():.2f}"),
                expected=f"{expected:.1f}",
            )
        )
    yield _paragraph(
        say(
            "tested",
            language,
            tests=f"{accusation.tests:,}",
            films=f"{exhibit.films_tried:,}",
            hypotheses=f"{exhibit.hypotheses:,}",
            threshold=f"{accusation.threshold:.2f}",
            limit=odds(math.log10(accusation.limit), language),
        )
    )


def _tried(exhibit: Exhibit, language: Language) -> Iterator[str]:
    accusation = exhibit.accusation
    if accusation is None:
        return
    columns = ("column_named", "recipient", "release", "created", "purpose", "column_z", "column_bound", "column_log")
    head = "".join(f"<th{_numeric(name)}>{say(name, language)}</th>" for name in columns)
    named = set(accusation.named)
    # Whoever is named is in the table, however many were tried.
    kept = sorted(sorted(range(len(exhibit.releases)), key=lambda number: (number not in named, number))[:_ROWS])
    rows = "".join(_row(exhibit.releases[number], accusation.tests, named=number in named) for number in kept)
    yield _paragraph(say("tried_text", language))
    yield f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    if len(kept) < len(exhibit.releases):
        yield _paragraph(say("tried_more", language, count=f"{len(exhibit.releases) - len(kept):,}"))
    if any(each.z < _NEGATIVE for each in exhibit.releases):
        yield _paragraph(say("negative", language))


def _numeric(column: str) -> str:
    return ' class="n"' if column in ("column_z", "column_bound", "column_log") else ""


def _row(each: NamedRelease, tests: int, *, named: bool) -> str:
    cells = (
        "<td>●</td>" if named else "<td></td>",
        f"<td>{escape(each.recipient)}</td>",
        f"<td>{_code(each.release)}</td>",
        f"<td>{timestamp(each.created)[:16].replace('T', ' ')}</td>",
        f"<td>{escape(each.purpose)}</td>",
        f'<td class="n">{_minus(f"{each.z:.2f}")}</td>',
        f'<td class="n">{power_of_ten(log10_bound(each.z, tests))}</td>',
        f'<td class="n">{"—" if each.index is None else f"{each.index:,}"}</td>',
    )
    return f"<tr{' class=named' if named else ''}>{''.join(cells)}</tr>"


def _minus(number: str) -> str:
    return number.replace("-", "−")


# The log, the limits, the method


def _log(exhibit: Exhibit, language: Language) -> Iterator[str]:
    root = f"<pre>{escape(exhibit.log_root)}</pre>"
    size = f"{exhibit.log_size:,}"
    if not exhibit.named:
        yield _paragraph(say("log_none", language, size=size)) + root
        return
    yield _paragraph(say("log_text", language, size=size)) + root
    receipts = [each for each in exhibit.named if each.receipt is not None]
    if receipts:
        commands = "\n".join(f"leadglass log check {each.receipt} --vkey KEY" for each in receipts)
        yield _paragraph(say("log_check", language, origin=f"<b>{escape(exhibit.origin)}</b>"))
        yield f"<pre>{escape(commands)}</pre>"
        titles = ("release", "column_log", "column_receipt", "created")
        head = "".join(f"<th{_numeric(name)}>{say(name, language)}</th>" for name in titles)
        rows = "".join(
            f'<tr><td>{_code(each.release)}</td><td class="n">{"—" if each.index is None else f"{each.index:,}"}</td>'
            f"<td>{_code(each.receipt or '—')}</td><td>{timestamp(each.created)}</td></tr>"
            for each in receipts
        )
        yield f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    yield _paragraph(say("log_entry", language, instance=escape(exhibit.instance or "INSTANCE")))


def _limits(exhibit: Exhibit, language: Language) -> str:
    tried = ("keys", "person", "site", "silence", "many", "altered", "device")
    names = tried if exhibit.alignment is not None else ("silence", "device")
    said = "".join(f"<li>{say(f'limit_{name}', language)}</li>" for name in names)
    return f"<ul>{said}</ul>"


def _method(exhibit: Exhibit, language: Language) -> Iterator[str]:
    yield _paragraph(say("method_text", language))
    rows = []
    if exhibit.accusation is not None:
        threshold, limit = exhibit.accusation.threshold, exhibit.accusation.limit
        rows += [
            ("m_tests", f"{exhibit.accusation.tests:,}"),
            ("m_threshold", f"{threshold:.4f}, {power_of_ten(math.log10(limit))}"),
        ]
    rows.append(("m_hypotheses", f"{exhibit.hypotheses:,}, {exhibit.films_tried:,}"))
    if exhibit.alignment is not None:
        spacing = exhibit.spacing
        rows += [
            ("m_chips", f"{exhibit.alignment.coefficients.shape[1]:,}"),
            ("m_coefficients", _code(coefficients_digest(exhibit.alignment))),
            ("m_homography", f"<pre>{_matrix(exhibit.alignment)}</pre>"),
            ("m_spacing", f"{spacing[0]:g}, {spacing[1]:g}" if spacing else say("m_unknown", language)),
        ]
    rows.append(("m_versions", escape(", ".join(f"{name} {version}" for name, version in versions().items()))))
    yield _table(rows, language)


def _matrix(alignment: Alignment) -> str:
    return "\n".join("  ".join(_minus(f"{value: .6g}").rjust(12) for value in row) for row in alignment.homography)
