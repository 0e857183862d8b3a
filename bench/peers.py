"""The hostile set through other de-identifiers, beside ours: what leaks, what useful is lost, what is refused.

Run ``python bench/peers.py``. The Python peers get an environment of their own in a cache folder, with the versions named
here; ``gdcmanon`` and ``Orthanc`` are used where they are installed. A peer that is missing is named with the reason. Every
tool runs with its defaults, and one judge looks at all outputs.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "sets"))

from hostile_set import hostile_set, write  # noqa: E402 - the sets lie beside the tests
from judge import Judgement, judge  # noqa: E402 - the sets lie beside the tests
from planting import Sample  # noqa: E402 - the sets lie beside the tests

PACKAGES = {"dicom-anonymizer": "dicom-anonymizer==2.1.0", "dicognito": "dicognito==0.19.0", "deid": "deid==0.4.13"}
OURS = "leadglass"
OUR_PROGRAM = Path(sys.executable).with_name("leadglass")

Outputs = dict[str, Path | str]
"""By name of the input: the output, or why there is none."""


class MissingError(Exception):
    """A peer that cannot be run here; the message says why."""


@dataclass(frozen=True)
class Spent:
    """Where the outputs are, and the processor seconds it took, children included."""

    outputs: Outputs
    cpu: float


def cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "leadglass-bench"


def peer_python(folder: Path) -> Path:
    """The interpreter of an environment with the Python peers; made when it is not there.

    Raises:
        MissingError: it cannot be made, for want of a network for instance.
    """
    python = folder / "peers" / "bin" / "python"
    done = folder / "peers" / ".made"
    if not done.exists():
        print(f"making {python.parents[1]}", file=sys.stderr)
        try:
            subprocess.run([sys.executable, "-m", "venv", python.parents[1]], check=True)
            subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES.values()], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise MissingError(f"its environment cannot be made ({type(error).__name__})") from error
        done.touch()
    return python


def children() -> float:
    """Processor seconds of all children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def python_peer(name: str, source: Path, out: Path, *, cache: Path) -> Spent:
    """One of the peers of ``drivers/peer.py``; the start of its interpreter is not counted."""
    command = [peer_python(cache), str(HERE / "drivers" / "peer.py"), name, str(source), str(out)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    said = json.loads(done.stdout.splitlines()[-1])
    return Spent(written(source, out, said["failed"]), said["cpu"])


def written(source: Path, out: Path, reasons: Mapping[str, str | None] | None = None) -> Outputs:
    """Outputs that are named as their inputs."""
    outputs: Outputs = {}
    for path in sorted(source.iterdir()):
        reason = (reasons or {}).get(path.name)
        made = out / path.name
        outputs[path.name] = made if made.is_file() and reason is None else reason or "wrote nothing"
    return outputs


def gdcmanon(source: Path, out: Path, *, cache: Path) -> Spent:
    """GDCM's anonymizer; it encrypts what it takes away for whoever has the key of this certificate."""
    program = shutil.which("gdcmanon")
    if program is None:
        raise MissingError("gdcmanon is not installed (Debian: libgdcm-tools)")
    before = children()
    command = [program, "-e", "-c", str(certificate(cache)), "--continue", "-i", str(source), "-o", str(out)]
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if len(list(out.iterdir())) < len(list(source.iterdir())):
        # In a folder it stops at the first file that it cannot read.
        for path in sorted(source.iterdir()):
            one = [*command[:-4], "-i", str(path), "-o", str(out / path.name)]
            ended = subprocess.run(one, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if ended.returncode:
                (out / path.name).unlink(missing_ok=True)
    return Spent(written(source, out), children() - before)


def certificate(cache: Path) -> Path:
    path = cache / "gdcmanon.pem"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        make = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(cache / "gdcmanon.key"), "-days", "3650")
        subprocess.run(["openssl", *make, "-subj", "/CN=bench", "-out", str(path)], check=True, capture_output=True)
    return path


def orthanc(source: Path, out: Path, *, cache: Path) -> Spent:
    """Orthanc over REST: upload, anonymize, download, delete; the server's processor time."""
    program = shutil.which("Orthanc")
    if program is None:
        raise MissingError("Orthanc is not installed (Debian: orthanc)")
    del cache
    reasons: dict[str, str | None] = {}
    with tempfile.TemporaryDirectory(prefix="orthanc-") as folder, running_orthanc(program, Path(folder)) as (url, spent):
        before = spent()
        for path in sorted(source.iterdir()):
            try:
                instance = json.loads(call(f"{url}/instances", path.read_bytes()))["ID"]
                (out / path.name).write_bytes(call(f"{url}/instances/{instance}/anonymize", b"{}"))
                call(f"{url}/instances/{instance}", None, method="DELETE")
                reasons[path.name] = None
            except urllib.error.HTTPError as error:
                reasons[path.name] = f"HTTP {error.code}"
        cpu = spent() - before
    return Spent(written(source, out, reasons), cpu)


@contextmanager
def running_orthanc(program: str, folder: Path) -> Iterator[tuple[str, Callable[[], float]]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "HttpPort": port, "DicomServerEnabled": False, "RemoteAccessAllowed": False, "AuthenticationEnabled": False,
        "StorageDirectory": str(folder / "store"), "IndexDirectory": str(folder / "store"), "Plugins": [],
    }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(settings))
    server = subprocess.Popen([program, folder / "orthanc.json"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(100):
            try:
                call(f"{url}/system", None)
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.2)
        else:
            raise MissingError("Orthanc did not answer")
        yield url, lambda: processor_seconds(server.pid)
    finally:
        server.terminate()
        server.wait(30)


def processor_seconds(pid: int) -> float:
    """User and system time of a running process (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def call(url: str, data: bytes | None, *, method: str | None = None) -> bytes:
    request = urllib.request.Request(url, data=data, method=method)  # noqa: S310 - our own server, on this machine
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own server, on this machine
        content: bytes = answer.read()
    return content


def ours(source: Path, out: Path, *, cache: Path, options: Sequence[str] = ()) -> Spent:
    """The command line, pixels off."""
    key = cache / "key"
    cache.mkdir(parents=True, exist_ok=True)
    if not key.exists():
        key.touch(mode=0o600)
        key.write_bytes(bytes(range(32)))
    before = children()
    command = [OUR_PROGRAM, "deid", source, out, "--key", key, "--pixels", "off", "--json", "--workers", "1", *options]
    done = subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True)
    if done.returncode not in (0, 2) or not done.stdout:
        raise MissingError(f"exit {done.returncode}: {done.stderr.strip()[-200:]}")
    outputs: Outputs = {}
    for line in map(json.loads, done.stdout.splitlines()):
        if line.get("path"):
            outputs[Path(line["path"]).name] = out / line["output"] if line["state"] == "done" else str(line["reason"])
    return Spent(outputs, children() - before)


TOOLS: Mapping[str, Callable[..., Spent]] = {
    OURS: ours,
    **{name: (lambda source, out, cache, name=name: python_peer(name, source, out, cache=cache)) for name in PACKAGES},
    "gdcmanon": gdcmanon,
    "Orthanc": orthanc,
}


def judged(tool: str, samples: Sequence[Sample], source: Path, folder: Path, cache: Path) -> Judgement:
    out = folder / tool
    out.mkdir()
    return judge(samples, TOOLS[tool](source, out, cache=cache).outputs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--tools", nargs="*", default=list(TOOLS), help="some of: " + ", ".join(TOOLS))
    parser.add_argument("--cache", type=Path, default=cache_folder())
    parser.add_argument("--report", nargs="?", const=OURS, choices=TOOLS, help="say of each file what is wrong")
    options = parser.parse_args()
    samples = hostile_set(options.seed)
    with tempfile.TemporaryDirectory(prefix="leadglass-bench-") as name:
        folder = Path(name)
        source = folder / "source"
        write(source, samples)
        rows: dict[str, dict[str, str]] = {}
        for tool in options.tools:
            try:
                judgement = judged(tool, samples, source, folder, options.cache)
            except MissingError as error:
                print(f"{tool}: not run, {error}")
                continue
            rows[tool] = judgement.row()
            if options.report == tool:
                print(judgement.report())
        heads = list(next(iter(rows.values()), {}))
        print(f"\n{len(samples)} files, seed {options.seed}\n\n| tool | " + " | ".join(heads) + " |")
        print("| --- |" + " --- |" * len(heads))
        for tool, row in rows.items():
            print(f"| {tool} | " + " | ".join(row.values()) + " |")


if __name__ == "__main__":
    main()
