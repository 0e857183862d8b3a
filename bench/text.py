"""What cleaning text finds, misses and takes too much, by category, on the set written by hand; and what it costs.

Run ``python bench/text.py``. A labelled piece is gone if every letter and digit of it is hidden; a finding is right if it
touches a labelled piece. "hard" are cases that rules are expected to miss, counted apart. "second" blocks were written after
the rules and did not change them.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from leadglass.deid.text import Known, TextCleaner, cleaner

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "sets"))

import text_cases
from text_cases import Case, cases


def hidden(tool: TextCleaner, case: Case, *, rules: bool = True) -> set[int]:
    """Places of the characters that are hidden."""
    return {place for span in tool.find(case.text, rules=rules) for place in range(span.start, span.stop)}


def gone(case: Case, start: int, stop: int, places: set[int]) -> bool:
    """Whether nothing of a labelled piece can be read."""
    return all(place in places for place in range(start, stop) if case.text[place].isalnum())


def by_category(name: str, block: Iterable[Case]) -> None:
    """Recall and precision of one block."""
    tool = cleaner(Known())
    labelled, caught, found, right = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    hard, hard_caught, kept, clean = 0, 0, 0, 0
    for case in block:
        places = hidden(tool, case)
        marked = {place for start, stop, _ in case.spans for place in range(start, stop)}
        for start, stop, kind in case.spans:
            if case.hard:
                hard += 1
                hard_caught += gone(case, start, stop, places)
            else:
                labelled[kind] += 1
                caught[kind] += gone(case, start, stop, places)
        for span in tool.find(case.text):
            found[span.kind.name] += 1
            right[span.kind.name] += not marked.isdisjoint(range(span.start, span.stop))
        others = [place for place in range(len(case.text)) if place not in marked and case.text[place].isalnum()]
        clean += len(others)
        kept += sum(place not in places for place in others)
    print(f"\n{name}\n  {'kind':12} {'pieces':>6} {'gone':>7} {'found':>6} {'right':>7}")
    for kind in sorted(labelled | found):
        print(row(kind, labelled[kind], caught[kind], found[kind], right[kind]))
    print(row("all", labelled.total(), caught.total(), found.total(), right.total()))
    print(f"  hard: {hard_caught} of {hard} gone; other letters and digits kept {share(kept, clean).strip()}")


def row(kind: str, labelled: int, caught: int, found: int, right: int) -> str:
    return f"  {kind:12} {labelled:6} {share(caught, labelled)} {found:6} {share(right, found)}"


def share(part: int, whole: int) -> str:
    return f"{100 * part / whole:6.1f}%" if whole else "      -"


def told() -> None:
    """What the header knows: with rules, and without them."""
    for rules in (True, False):
        pieces = caught = 0
        for each in text_cases.TOLD:
            tool = cleaner(each.known)
            for case in cases(each.block):
                places = hidden(tool, case, rules=rules)
                pieces += len(case.spans)
                caught += sum(gone(case, start, stop, places) for start, stop, _ in case.spans)
        how = "with" if rules else "without"
        print(f"header-known, {how} rules: {caught} of {pieces} gone, {share(caught, pieces).strip()}")


def clinical(name: str, block: str) -> None:
    """Clinical terms that stay, each a text by itself."""
    tool = cleaner(Known())
    terms = [term for line in block.strip().splitlines() for term in line.split("|")]
    lost = [term for term in terms if tool.clean(term).text is not term]
    print(
        f"{name}: {len(terms) - len(lost)} of {len(terms)} kept, {share(len(terms) - len(lost), len(terms)).strip()}", *lost
    )


def microseconds(work: Callable[[], object], times: int) -> float:
    """CPU time of one turn, the best of five rounds."""
    rounds = []
    for _ in range(5):
        start = time.process_time()
        for _ in range(times):
            work()
        rounds.append((time.process_time() - start) / times * 1e6)
    return min(rounds)


def cost() -> None:
    """CPU time: making a cleaner, a short value that comes again, a report that does not."""
    numbers = iter(range(10**9))
    known = text_cases.TOLD[0].known

    def fresh() -> TextCleaner:
        number = next(numbers)
        return cleaner(Known(names=known.names, ids=(f"{number:08}",), dates=known.dates, institutions=known.institutions))

    tool = cleaner(known)
    report = "Heart size is normal. Dr. Smith was called on 2024-01-31. 右肺上叶见结节,大小约1.2cm。" * 20
    print(f"making a cleaner: {microseconds(fresh, 200):.0f} us")
    print(f"a short value that comes again: {microseconds(lambda: tool.clean('CHEST 1V PORTABLE'), 2000):.1f} us")
    print(f"a short value seen first: {microseconds(lambda: tool.clean(f'CHEST 1V PORTABLE {next(numbers)}'), 300):.0f} us")
    print(f"a report of {len(report)} characters: {microseconds(lambda: tool.clean(report), 3) / 1000:.1f} ms")


if __name__ == "__main__":
    for block in ("ZH", "EN", "ZH_SECOND", "EN_SECOND"):
        by_category(block, cases(getattr(text_cases, block)))
    print()
    told()
    clinical("clinical terms", text_cases.CLINICAL)
    clinical("clinical terms, second", text_cases.CLINICAL_SECOND)
    print()
    cost()
