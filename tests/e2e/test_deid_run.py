"""Runs: every file once, whatever is killed, and outputs that hang on content alone."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import copying
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadglass.adapters.batch.engine import Engine, InLine, ProcessPool
from leadglass.adapters.batch.journal import Journal
from leadglass.adapters.batch.residue import find_residue
from leadglass.adapters.batch.staging import HIDDEN
from leadglass.assemble.desk import Names, PixelMode, State, Treatment
from leadglass.assemble.run import ALREADY_DONE, NO_PLACE, OTHER_CONTENT, SAME_INSTANCE, Line, Run, apart
from leadglass.assemble.survey import Tally, survey
from leadglass.cli.main import run as command
from leadglass.errors import ConfigError, ConflictError, InputError, UnavailableError
from leadglass.testing.films import PATIENTS, small_film

TREATMENT = Treatment(key=bytes(32))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPool]:
    pool = ProcessPool(2)
    yield pool
    pool.close()


def planted(folder: Path, files: Mapping[str, str]) -> None:
    """Files by their path, each a name and a payload."""
    for path, text in files.items():
        place = folder / "in" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text.replace(" ", "\n"))


def opened(folder: Path, treatment: Treatment = TREATMENT, **more: Any) -> Run:
    return Run(folder / "in", folder / "out", report=folder / "out.report", treatment=treatment, **more)


def done(folder: Path, treatment: Treatment = TREATMENT, *, engine: Engine | None = None, **more: Any) -> dict[str, Line]:
    """Run; gives the last line of each file by its path below the input folder."""
    with opened(folder, treatment, **more) as work:
        return {line.path.removeprefix(f"{folder}/in/"): line for line in work.lines(engine or InLine(), copying.treat)}


def outputs(folder: Path) -> dict[str, bytes]:
    """Everything in the output folder."""
    out = folder / "out"
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "out.report" / "records.jsonl").read_text().splitlines()]


# What becomes of files

PAYLOADS = st.dictionaries(
    st.from_regex(r"[ab]/[a-d]", fullmatch=True), st.tuples(st.sampled_from("xyz"), st.sampled_from("123")), min_size=1
)


@given(files=PAYLOADS, seed=st.randoms(use_true_random=False))
def test_outputs_are_equal_whatever_the_order(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, tuple[str, str]], seed: Any
) -> None:
    shuffled = list(files.values())
    seed.shuffle(shuffled)
    found = []
    for contents in (files.values(), shuffled):
        folder = tmp_path_factory.mktemp("order")
        planted(folder, {path: " ".join(content) for path, content in zip(files, contents, strict=True)})
        lines = done(folder)
        found.append(outputs(folder))
        assert {line.output for line in lines.values()} == set(found[-1])

    assert found[0] == found[1]
    assert sorted(found[0].values()) == sorted(payload.encode() for _, payload in set(files.values()))


def test_outputs_are_equal_whatever_the_engine(folder: Path, tmp_path: Path, pool: ProcessPool) -> None:
    files = {f"{number % 7}/{number}": f"name{number % 150} payload{number % 170}" for number in range(200)}
    other = tmp_path / "other"
    for place in (folder, other):
        planted(place, files)

    done(folder)
    done(other, engine=pool)

    assert len(outputs(folder)) > 150
    assert outputs(folder) == outputs(other)


def test_equal_bytes_are_one_output(folder: Path) -> None:
    planted(folder, {"a": "n same", "b": "n same"})

    lines = done(folder)

    assert outputs(folder) == {"study/n.dcm": b"same"}
    assert (lines["a"].state, lines["b"].state, lines["b"].reason) == (State.DONE, State.SKIPPED, SAME_INSTANCE)
    assert lines["b"].output == "study/n.dcm"


def test_of_files_that_want_one_name_none_is_lost_and_each_says_so(folder: Path) -> None:
    planted(folder, {"a": "n one", "b": "n two", "c": "m three"})

    lines = done(folder)

    assert {lines[name].output: lines[name].reason for name in "ab"} == dict.fromkeys(
        [name for name in outputs(folder) if name != "study/m.dcm"], OTHER_CONTENT
    )
    assert all(re.fullmatch(r"study/n-[0-9a-f]{12}\.dcm", str(lines[name].output)) for name in "ab")


def test_an_output_set_apart_still_says_why_somebody_has_to_look(folder: Path) -> None:
    planted(folder, {"a": "unread one", "b": "unread two"})

    lines = done(folder)

    assert {line.reason for line in lines.values()} == {f"{copying.UNREAD}; {OTHER_CONTENT}"}


def test_what_could_not_be_read_is_tried_again(folder: Path) -> None:
    planted(folder, {"a": "away one", "b": "n two"})

    states = [done(folder)["a"].state for _ in range(3)]

    assert states == [State.QUARANTINED, State.DONE, State.SKIPPED]


def test_outputs_of_a_folder_that_is_not_handed_in_stay(folder: Path) -> None:
    planted(folder, {"a": "unread one", "b": "unread two"})
    done(folder, names := replace(TREATMENT, names=Names.KEEP))

    with Run(folder / "in" / "b", folder / "out", report=folder / "out.report", treatment=names, reader="ocr") as work:
        lines = list(work.lines(InLine(), copying.treat))

    assert [Path(line.path).name for line in lines] == ["b"]
    assert set(outputs(folder)) == {"a", "b"}


@pytest.mark.parametrize("files", [["0", "1", "10", "2", "3"], ["0/a", "0/b", "1/a", "making/0"]])
def test_kept_names_may_be_numbers(folder: Path, files: list[str]) -> None:
    planted(folder, {path: f"n payload{path}" for path in files})

    done(folder, replace(TREATMENT, names=Names.KEEP))

    assert outputs(folder) == {path: f"payload{path}".encode() for path in files}


def test_an_output_whose_folder_is_another_output_is_held_back_and_the_rest_goes_on(folder: Path) -> None:
    kept = replace(TREATMENT, names=Names.KEEP)
    planted(folder, {"a": "n one", "b": "n two"})
    done(folder, kept)
    (folder / "in" / "a").unlink()
    planted(folder, {"a/x": "n three", "c": "n four"})

    lines = done(folder, kept)

    assert (lines["a/x"].state, lines["a/x"].reason) == (State.QUARANTINED, NO_PLACE)
    assert outputs(folder) == {"a": b"one", "b": b"two", "c": b"four"}


@given(
    stem=st.text(st.characters(exclude_characters="/\0"), min_size=1), suffix=st.sampled_from(["", ".dcm", "." + "y" * 100])
)
def test_a_name_set_apart_is_no_longer_than_a_name_may_be(stem: str, suffix: str) -> None:
    name = os.fsdecode(os.fsencode(stem * 255)[: 255 - len(suffix)]) + suffix

    parted = apart(f"study/{name}", "ab" * 32)

    assert len(os.fsencode(parted)) <= len("study/") + 255
    assert "-abababababab" in parted


def test_kept_names_mirror_the_tree(folder: Path) -> None:
    planted(folder, {"a/x": "n same", "b/y.dcm": "n same"})

    done(folder, replace(TREATMENT, names=Names.KEEP))

    assert set(outputs(folder)) == {"a/x", "b/y.dcm"}


def test_one_bad_file_keeps_no_other_out(folder: Path) -> None:
    planted(folder, {"a": "bad", "b": "odd", "c": "none", "d": "fine"})

    lines = done(folder)

    assert {name: line.state for name, line in lines.items()} == {
        "a": State.QUARANTINED,
        "b": State.QUARANTINED,
        "c": State.SKIPPED,
        "d": State.DONE,
    }
    assert lines["a"].reason == "MalformedError: (0008,0005) has no length"


def test_an_error_that_nobody_foresaw_says_where_and_not_what(folder: Path) -> None:
    planted(folder, {"b": "odd"})

    assert re.fullmatch(r"an error that nobody foresaw: ValueError at copying\.py:\d+", str(done(folder)["b"].reason))


def test_a_full_disk_ends_the_run_and_the_next_one_goes_on(folder: Path) -> None:
    planted(folder, {f"{number:02}": f"n{number} x" for number in range(20)} | {"15": "full"})

    with pytest.raises(UnavailableError):
        done(folder)
    planted(folder, {"15": "n15 x"})
    lines = done(folder)

    assert len(outputs(folder)) == 20
    assert sum(line.reason == ALREADY_DONE for line in lines.values()) == 8


def test_a_deadly_file_is_held_back_and_the_others_are_done(folder: Path, pool: ProcessPool) -> None:
    planted(folder, {f"{number}": f"n{number} x" for number in range(9)} | {"3": "kill"})

    lines = done(folder, engine=pool)

    assert {name for name, line in lines.items() if line.state is State.QUARANTINED} == {"3"}
    assert len(outputs(folder)) == 8


def test_a_worker_that_was_killed_once_costs_nothing(folder: Path, pool: ProcessPool) -> None:
    planted(folder, {f"{number}": f"n{number} x" for number in range(9)} | {"sub/3": "once x"})

    lines = done(folder, engine=pool)

    assert {line.state for name, line in lines.items() if not name.endswith(".met")} == {State.DONE}
    assert {"study/once.dcm", "study/n3.dcm"} <= set(outputs(folder))


# Again


def test_a_second_run_does_nothing_again(folder: Path) -> None:
    planted(folder, {"a": "n x", "b": "n x", "c": "bad", "d": "none"})
    done(folder)
    before = {path: path.stat().st_mtime_ns for path in (folder / "out").rglob("*")}

    lines = done(folder)

    assert [(line.state, line.reason) for line in lines.values()] == [
        (State.SKIPPED, ALREADY_DONE),
        (State.SKIPPED, ALREADY_DONE),
        (State.QUARANTINED, "MalformedError: (0008,0005) has no length"),
        (State.SKIPPED, "NotDicomError: this is no DICOM file"),
    ]
    assert {path: path.stat().st_mtime_ns for path in (folder / "out").rglob("*")} == before


def test_a_file_that_changed_is_done_again_and_its_old_output_goes(folder: Path) -> None:
    planted(folder, {"a": "n x", "b": "m x"})
    done(folder)
    planted(folder, {"a": "other longer"})

    lines = done(folder)

    assert outputs(folder) == {"study/other.dcm": b"longer", "study/m.dcm": b"x"}
    assert (lines["a"].state, lines["b"].reason) == (State.DONE, ALREADY_DONE)


def test_a_file_that_changed_leaves_its_output_to_another_that_has_the_same(folder: Path) -> None:
    planted(folder, {"a": "n x", "b": "n x"})
    done(folder)
    planted(folder, {"a": "n longer"})

    done(folder)

    assert sorted(outputs(folder).values()) == [b"longer", b"x"]


@pytest.mark.parametrize("harm", ["gone", "cut"])
def test_an_output_that_was_harmed_is_made_again(folder: Path, harm: str) -> None:
    planted(folder, {"a": "n payload"})
    done(folder)
    output = folder / "out" / "study" / "n.dcm"
    output.unlink() if harm == "gone" else output.write_bytes(b"pay")

    done(folder)

    assert outputs(folder) == {"study/n.dcm": b"payload"}


def test_files_that_nobody_could_read_are_done_again_once_somebody_can(folder: Path) -> None:
    planted(folder, {"a": "unread x", "b": "n x"})
    done(folder)

    assert {name: line.state for name, line in done(folder).items()} == {"a": State.SKIPPED, "b": State.SKIPPED}
    assert {name: line.state for name, line in done(folder, reader="ocr").items()} == {"a": State.DONE, "b": State.SKIPPED}


def test_more_inputs_join_the_same_outputs(folder: Path) -> None:
    planted(folder, {"a": "n one"})
    done(folder)
    planted(folder, {"b": "n two", "c": "m three"})
    (folder / "in").rename(folder / "in2")
    with Run(folder / "in2", folder / "out", report=folder / "out.report", treatment=TREATMENT) as work:
        list(work.lines(InLine(), copying.treat))

    assert sorted(outputs(folder).values()) == [b"one", b"three", b"two"]


@pytest.mark.parametrize(
    "change",
    [
        {"key": b"k" * 32},
        {"options": ("retain-uids",)},
        {"project": "another"},
        {"recipient": "another"},
        {"digest": "sm3"},
        {"names": Names.KEEP},
        {"pixels": PixelMode.OFF},
        {"documents": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_outputs_of_two_settings_do_not_mix(folder: Path, change: dict[str, Any]) -> None:
    planted(folder, {"a": "n x"})
    done(folder)

    with pytest.raises(ConflictError, match="made with another"):
        done(folder, replace(TREATMENT, **change))


def test_the_journal_does_not_hold_the_key(folder: Path) -> None:
    key = b"a secret key of 32 bytes, no more"[:32]
    planted(folder, {"a": "n x"})
    done(folder, replace(TREATMENT, key=key))

    for path in (folder / "out.report").iterdir():
        assert key not in path.read_bytes()
        assert key.hex().encode() not in path.read_bytes()


# Killed

KILLED = """
import sys
from pathlib import Path
import copying
from leadglass.adapters.batch.engine import InLine, ProcessPool
from leadglass.assemble.desk import Treatment
from leadglass.assemble.run import Run
if __name__ == "__main__":
    folder = Path(sys.argv[1])
    engine = ProcessPool(2) if sys.argv[2] == "pool" else InLine()
    treatment = Treatment(key=bytes(32), residue=True)
    run = Run(folder / "in", folder / "out", report=folder / "out.report", treatment=treatment, residue=folder / "residue")
    with run as work:
        for line in work.lines(engine, copying.slowly):
            print(line.path, flush=True)
"""


@pytest.mark.parametrize("engine", ["in line", "pool"])
def test_a_run_that_was_killed_goes_on_where_it_was(folder: Path, tmp_path: Path, engine: str) -> None:
    planted(folder, {f"{number:02}": f"n{number} payload{number}" for number in range(60)})
    (tmp_path / "killed.py").write_text(KILLED)
    paths = os.pathsep.join([str(Path(copying.__file__).parent), *sys.path])
    started = subprocess.Popen(
        [sys.executable, tmp_path / "killed.py", folder, engine],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": paths},
    )
    assert started.stdout is not None
    said = {Path(started.stdout.readline().strip()).name for _ in range(5)}
    time.sleep(0.3)
    started.send_signal(signal.SIGKILL)
    said |= {Path(line.strip()).name for line in started.stdout}
    started.wait()
    started.stdout.close()
    treatment = replace(TREATMENT, residue=True)

    lines = done(folder, treatment, residue=folder / "residue")

    assert 5 <= len(said) < 60
    assert {name for name, line in lines.items() if line.reason == ALREADY_DONE} >= said
    assert outputs(folder) == {f"study/n{number}.dcm": f"payload{number}".encode() for number in range(60)}
    assert [record["state"] for record in records(folder)] == ["done"] * 60
    assert not (folder / "out.report" / HIDDEN).exists()
    for record in records(folder):
        payload = outputs(folder)[record["output"]]
        assert find_residue(folder / "residue", bytes.fromhex(record["written"])) == b"residue of " + payload


@given(stop=st.integers(0, 60))
def test_wherever_a_run_is_broken_off_the_next_one_finishes_it(tmp_path_factory: pytest.TempPathFactory, stop: int) -> None:
    folder = tmp_path_factory.mktemp("broken")
    files = {f"{number:02}": f"n{number % 5} payload{number % 9}" for number in range(12)}
    planted(folder, files)
    work = opened(folder)
    try:
        with pytest.MonkeyPatch.context() as patch:
            broken = Broken(stop)
            for name in ("replace", "unlink", "rename", "rmdir", "mkdir"):
                patch.setattr(os, name, broken.around(getattr(os, name)))
            with pytest.raises(Killed):
                list(work.lines(InLine(), copying.treat))
                raise Killed
    finally:
        work.journal.close()  # as the system would; nothing is tidied

    done(folder)

    assert sorted(outputs(folder).values()) == sorted(text.split(" ")[1].encode() for text in set(files.values()))


class Killed(BaseException):
    """What ends a run wherever it is."""


class Broken:
    """Lets a number of calls through, and ends the run at the next."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def around(self, call: Any) -> Any:
        def counted(*arguments: Any, **named: Any) -> Any:
            if self.left == 0:
                raise Killed
            self.left -= 1
            return call(*arguments, **named)

        return counted


def test_after_a_loss_of_power_what_may_not_be_on_the_disk_is_done_again(folder: Path) -> None:
    planted(folder, {"a": "n x"})
    done(folder)
    planted(folder, {"b": "m y"})
    done(folder)
    journal = Journal(folder / "out.report" / "run.db")
    journal.put("boot", "another")
    with journal.transaction():
        journal._do("UPDATE chunk SET secure = 0 WHERE id = 2")
    journal.close()
    (folder / "out" / "study" / "m.dcm").write_bytes(b"\0")

    lines = done(folder)

    assert outputs(folder) == {"study/n.dcm": b"x", "study/m.dcm": b"y"}
    assert (lines["a"].reason, lines["b"].state) == (ALREADY_DONE, State.DONE)


# Places


@pytest.mark.parametrize(
    ("out", "report"),
    [
        ("in/out", "report"),
        ("in", "report"),
        (".", "report"),
        ("out", "out/report"),
        ("out", "in/report"),
        ("new/out", "new"),
    ],
)
def test_folders_that_lie_in_each_other_are_refused(folder: Path, out: str, report: str) -> None:
    planted(folder, {"a": "n x"})

    with pytest.raises(InputError, match="lie in each other"):
        Run(folder / "in", folder / out, report=folder / report, treatment=TREATMENT)


def test_a_link_does_not_hide_that_folders_lie_in_each_other(folder: Path) -> None:
    (folder / "link").symlink_to(folder / "in")

    with pytest.raises(InputError, match="lie in each other"):
        Run(folder / "in", folder / "link" / "out", report=folder / "report", treatment=TREATMENT)


def test_a_folder_with_files_of_somebody_else_is_no_output_folder(folder: Path) -> None:
    planted(folder, {"a": "n x"})
    (folder / "out").mkdir()
    (folder / "out" / "theirs").touch()

    with pytest.raises(ConflictError, match="not empty"):
        done(folder)


def test_a_file_that_somebody_put_among_the_outputs_is_not_replaced(folder: Path) -> None:
    planted(folder, {"a": "n x"})
    done(folder)
    (folder / "out" / "study" / "m.dcm").write_bytes(b"theirs")
    planted(folder, {"b": "m y"})

    done(folder)

    assert outputs(folder)["study/m.dcm"] == b"theirs"
    assert sorted(outputs(folder).values()) == [b"theirs", b"x", b"y"]


def test_an_unknown_option_is_said_before_anything_is_made(folder: Path) -> None:
    with pytest.raises(ConfigError):
        done(folder, replace(TREATMENT, options=("nonsense",)))
    assert [path.name for path in folder.iterdir()] == ["in"]


# Records and report


def test_there_is_one_record_a_file(folder: Path) -> None:
    planted(folder, {"a": "n x", "b": "bad", "c": "none"})
    (folder / "in" / "d").symlink_to("/")
    done(folder)
    done(folder)

    assert [(record["path"], record["state"]) for record in records(folder)] == [
        (f"{folder}/in/a", "done"),
        (f"{folder}/in/b", "quarantined"),
        (f"{folder}/in/c", "skipped"),
        (f"{folder}/in/d", "skipped"),
    ]


def test_the_report_names_no_file(folder: Path) -> None:
    planted(folder, {"Wang^Xiaoming/王小明": "n1 x", "Mueller": "bad", "Schmidt": "none"})
    done(folder)

    page = (folder / "out.report" / "report.html").read_text()

    assert not re.search(r"Wang|王|Mueller|Schmidt|n1|/in", page)


def test_the_report_loads_nothing(folder: Path) -> None:
    planted(folder, {"a": "n x"})
    done(folder)

    page = (folder / "out.report" / "report.html").read_text()

    assert not re.search(r"(src|href)\s*=|url\(|@import|https?:|<script", page)


def test_the_report_counts_what_was_not_done(folder: Path) -> None:
    planted(folder, {"a": "n x", "b": "unread x"} | {f"bad{number}": "bad" for number in range(17)})
    done(folder)

    page = re.sub(r"<[^>]*>", " ", (folder / "out.report" / "report.html").read_text())

    assert re.search(r"MalformedError: \(0008,0005\) has no length\s+17\b", page)
    assert "1 outputs have pixels that were due for reading and were not read" in page


def test_books_are_their_owners_alone(folder: Path) -> None:
    planted(folder, {"a": "n x"})
    done(folder)

    assert {path.stat().st_mode & 0o077 for path in [folder / "out.report", *(folder / "out.report").iterdir()]} == {0}


# Surveys


def test_a_survey_says_of_every_file_what_would_leak(folder: Path, pool: ProcessPool) -> None:
    planted(folder, {"a": "n x", "b": "bad", "c": "none", "d": "odd", "e": "kill"})
    tally = Tally()

    looked = list(survey(folder / "in", pool, copying.look, pixels=PixelMode.AUTO))
    for each in looked:
        tally.count(each)

    assert {Path(each.path).name: each.state for each in looked} == {
        "a": "leaks",
        "b": "unreadable",
        "c": "skipped",
        "d": "unreadable",
        "e": "unreadable",
    }
    assert tally.verdict() == "do not send this: 1 of 4 files say who the patient is or may (names)"


# The commands


@pytest.fixture
def films(folder: Path) -> Path:
    """Two films of one patient and a file that is none."""
    for number in (1, 2):
        (folder / "in" / f"{number}.dcm").write_bytes(small_film(seed=number))
    (folder / "in" / "notes.txt").write_text("call the ward back")
    return folder


def ran(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, lines and prose of a command."""
    code = command(["--json", *map(str, arguments)])
    printed = capsys.readouterr()
    return code, [json.loads(line) for line in printed.out.splitlines()], printed.err


def deid(films: Path, *more: object) -> tuple[object, ...]:
    return ("deid", films / "in", films / "out", "--key", films / "key", "--pixels", "off", "--workers", "1", *more)


def test_a_folder_is_deidentified_without_a_site(films: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines, _ = ran(capsys, *deid(films, "--make-key"))

    assert code == 0
    assert [line.get("state") for line in lines] == ["done", "done", "skipped", None]
    assert lines[-1]["summary"]["states"] == {"done": 2, "skipped": 1}
    for line in lines[:2]:
        output = (films / "out" / line["output"]).read_bytes()
        assert output[128:132] == b"DICM"
        assert PATIENTS[0].patient_id.encode() not in output


def test_a_film_comes_back_by_its_residue(films: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, lines, _ = ran(capsys, *deid(films, "--make-key", "--residue", films / "residue"))
    back = films / "back.dcm"

    code, _, _ = ran(
        *(capsys, "deid", "undo", films / "out" / lines[0]["output"]),
        *("--residue", films / "residue", "--key", films / "key", "--out", back),
    )

    assert code == 0
    assert back.read_bytes() == (films / "in" / "1.dcm").read_bytes()


def test_a_residue_opens_with_the_key_of_its_run_alone(films: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, lines, _ = ran(capsys, *deid(films, "--make-key", "--residue", films / "residue"))
    (films / "other").write_bytes(bytes(32))
    (films / "other").chmod(0o600)

    code, _, _ = ran(
        *(capsys, "deid", "undo", films / "out" / lines[0]["output"]),
        *("--residue", films / "residue", "--key", films / "other", "--out", films / "back.dcm"),
    )

    assert code == 4
    assert not (films / "back.dcm").exists()


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ((), 8),
        (("--make-key", "--option", "nonsense"), 8),
        (("--make-key", "--names", "nonsense"), 2),
        (("--make-key", "--digest", "md5"), 2),
        (("--make-key", "--profile", "missing.toml"), 2),
        (("--make-key", "--engine", "nonsense"), 8),
        (("--make-key", "--residue", "out/residue"), 2),
    ],
    ids=lambda more: " ".join(more) if isinstance(more, tuple) else None,
)
def test_what_was_asked_for_wrongly_has_a_code(
    films: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], code: int
) -> None:
    monkeypatch.chdir(films)

    assert ran(capsys, *deid(films, *more))[0] == code


def test_the_same_command_again_uses_the_key_that_it_made(films: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran(capsys, *deid(films, "--make-key"))
    key = (films / "key").read_bytes()

    assert ran(capsys, *deid(films, "--make-key"))[0] == 0
    assert (films / "key").read_bytes() == key


def test_a_key_does_not_go_out_with_the_outputs(films: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, _ = ran(capsys, "deid", films / "in", films / "out", "--key", films / "out" / "key", "--make-key")

    assert code == 2
    assert not (films / "out").exists()


def test_a_file_that_was_held_back_is_in_the_exit_code(films: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (films / "in" / "broken.dcm").write_bytes(bytes(128) + b"DICM" + b"\x08\x00\x05\x00ZZ\xff\xff")

    code, lines, errors = ran(capsys, *deid(films, "--make-key"))

    assert code == 2
    assert lines[-1]["summary"]["states"]["quarantined"] == 1
    assert json.loads(errors.splitlines()[-1])["error"] == "InputError"


def test_an_empty_folder_is_said_to_be_empty(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(capsys, *deid(folder, "--make-key"))[0] == 2


@pytest.mark.parametrize("word", ["explain", "undo"])
def test_an_input_folder_may_be_called_like_a_command(
    films: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    (films / "in").rename(films / word)
    monkeypatch.chdir(films)

    code, lines, _ = ran(capsys, "deid", word, "out", "--key", "key", "--make-key", "--pixels", "off", "--workers", "1")

    assert (code, lines[-1]["summary"]["states"]["done"]) == (0, 2)


@pytest.mark.parametrize("word", ["explain", "undo"])
def test_a_command_below_deid_is_not_taken_for_a_folder(capsys: pytest.CaptureFixture[str], word: str) -> None:
    assert command(["deid", word, "--help"]) == 0
    assert f"leadglass deid {word} " in capsys.readouterr().out


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_disk_behind_standard_output_is_said(films: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [Path(sys.executable).with_name("leadglass"), "--json", "scan", films / "in"],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )

    assert ended.returncode == 6
    assert json.loads(ended.stderr.splitlines()[-1])["error"] == "UnavailableError"


def test_prose_goes_nowhere_when_standard_error_is_closed(films: Path) -> None:
    command = [Path(sys.executable).with_name("leadglass"), "--json", "scan", films / "in", "--pixels", "off"]
    ended = subprocess.run(command, stdout=subprocess.PIPE, preexec_fn=lambda: os.close(2), check=False)

    assert ended.returncode == 0
    assert [set(json.loads(line)) & {"path", "summary"} for line in ended.stdout.splitlines()][-1] == {"summary"}
