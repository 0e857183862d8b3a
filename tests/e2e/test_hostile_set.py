"""The hostile set through the command line: nothing planted is left, nothing useful is lost, pixels and UIDs are right.

The set lists what it planted (``tests/sets/hostile_set.py``) and an independent judge looks for it (``judge.py``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hostile_set import hostile_set
from judge import Judgement, Verdict, judge
from planting import Sample

Leadglass = Callable[..., Any]

pytestmark = pytest.mark.xdist_group("hostile set")


@dataclass(frozen=True)
class Run:
    """One run over the set of one seed."""

    samples: list[Sample]
    received: Path
    out: Path
    lines: dict[str, dict[str, Any]]
    key: Path
    residue: Path

    def output(self, name: str) -> Path:
        return self.out / self.lines[name]["output"]

    @property
    def outputs(self) -> dict[str, Path | str]:
        """Where each file went, or why it did not."""
        return {
            name: self.output(name) if line["state"] == "done" else str(line["reason"]) for name, line in self.lines.items()
        }


def run_over(leadglass: Leadglass, folder: Path, samples: list[Sample], *options: object) -> Run:
    received, out, key, residue = (folder / name for name in ("received", "out", "key", "residue"))
    received.mkdir()
    for sample in samples:
        (received / sample.name).write_bytes(sample.data)
    always = ("--pixels", "off", "--residue", residue, "--json")
    ran = leadglass("deid", received, out, "--key", key, "--make-key", *always, *options, code=None)
    assert ran.code in (0, 2), ran.err
    lines = [json.loads(line) for line in ran.out.splitlines()]
    by_name = {Path(line["path"]).name: line for line in lines if line.get("path")}
    assert by_name.keys() == {sample.name for sample in samples}, ran.err
    return Run(samples, received, out, by_name, key, residue)


@pytest.fixture(scope="module", params=[1, 2026])
def run(request: pytest.FixtureRequest, leadglass: Leadglass, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("hostile")
    return run_over(leadglass, folder, hostile_set(request.param), "--workers", 1)


@pytest.fixture(scope="module")
def judgement(run: Run) -> Judgement:
    return judge(run.samples, run.outputs)


def told(verdicts: tuple[Verdict, ...], what: str) -> dict[str, list[str]]:
    """What went wrong in which file; empty when all is well."""
    return {verdict.name: getattr(verdict, what) for verdict in verdicts if getattr(verdict, what)}


def test_nothing_of_table_e_1_1_and_no_private_attribute_is_left(judgement: Judgement) -> None:
    assert judgement.searched("must") > 2000
    assert told(judgement.verdicts, "must") == {}


def test_nothing_identifying_that_no_table_lists_is_left(judgement: Judgement) -> None:
    assert judgement.searched("strict") > 100
    assert told(judgement.verdicts, "strict") == {}


def test_every_useful_value_comes_out_as_it_was(judgement: Judgement) -> None:
    assert judgement.searched("kept") > 2500
    assert told(judgement.verdicts, "lost") == {}


def test_pixels_are_bit_identical_uids_agree_and_outputs_are_valid(judgement: Judgement) -> None:
    assert told(judgement.verdicts, "faults") == {}


def test_only_documents_are_refused(judgement: Judgement) -> None:
    assert {verdict.name: verdict.refused for verdict in judgement.wrongly_refused} == {}
    assert {verdict.name for verdict in judgement.refused} == {"pdf.dcm", "cda.dcm"}


def test_no_output_is_named_after_anybody(run: Run) -> None:
    written = "\n".join(str(path.relative_to(run.out)) for path in sorted(run.out.rglob("*"))).lower()
    numbers = set(re.findall("[0-9]+", written))
    names = {text for sample in run.samples for planted in sample.planted for _, text in planted.needles if text}
    # Of eight digits that are a date one UID in some ten thousand holds a copy by chance: a number is a whole number.
    told = [name for name in names if len(name) >= 6 and (name in numbers if name.isdigit() else name.lower() in written)]
    assert sorted(told) == []


def test_every_received_file_comes_back_bit_for_bit(run: Run, leadglass: Leadglass, tmp_path: Path) -> None:
    for sample in run.samples:
        if run.lines[sample.name]["state"] != "done":
            continue
        back = tmp_path / "back"
        leadglass("deid", "undo", run.output(sample.name), "--residue", run.residue, "--key", run.key, "--out", back)
        assert back.read_bytes() == sample.data, sample.name
        back.unlink()


def test_the_judge_finds_everything_in_files_that_nobody_treated(run: Run) -> None:
    """A judge that overlooks something would call every tool clean."""
    untouched = judge(run.samples, {sample.name: run.received / sample.name for sample in run.samples})
    for what in ("must", "strict"):
        assert untouched.count(what) == untouched.searched(what)
    assert untouched.count("lost") == 0
