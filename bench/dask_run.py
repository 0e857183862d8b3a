"""``leadglass deid`` over Dask: the same bytes as without, and nothing lost or done twice when a worker is killed.

Run ``python bench/dask_run.py``; it needs the extra ``dask``. Films are de-identified in line, then by two workers of this
host, then (as root, with ``ip`` and ``openssl``) by two hosts that are network namespaces joined by a cable, with mutual
TLS. In both one worker is killed with -9 in the middle. Every output is compared with that of the first run.
"""

from __future__ import annotations

import argparse
import filecmp
import importlib.util
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from pydicom import dcmread

from leadglass.testing.films import small_film

PORT = 8786
HOSTS = ("leadglass-a", "leadglass-b")
ADDRESSES = ("10.213.77.1", "10.213.77.2")
SETTINGS = {"DASK_DISTRIBUTED__ADMIN__TICK__LIMIT": "60s"}  # a laden machine is no news


@dataclass
class Cluster:
    """Where the scheduler and two workers run: a command prefix for each host, and what they need to trust each other."""

    address: str
    engine: str
    prefixes: tuple[Sequence[str], Sequence[str]] = ((), ())
    flags: Sequence[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


def films(folder: Path, count: int) -> None:
    """That many small films of one patient, each with a SOP Instance UID of its own, in folders of 200."""
    film = small_film(seed=1)
    uid = str(dcmread(BytesIO(film)).SOPInstanceUID).encode()
    for number in range(count):
        path = folder / f"{number // 200:04}" / f"{number:06}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(film.replace(uid, uid[:-6] + b"%06d" % number))


@contextmanager
def running(cluster: Cluster) -> Iterator[list[subprocess.Popen[bytes]]]:
    """A scheduler and two workers; gives the workers."""
    environment = os.environ | SETTINGS | dict(cluster.variables)
    here, there = cluster.prefixes

    def started(prefix: Sequence[str], *arguments: str) -> subprocess.Popen[bytes]:
        command = [*prefix, sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:], *cluster.flags]
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    scheduler = started(here, "dask_scheduler", "--port", str(PORT), "--no-dashboard", "--no-show")
    time.sleep(2)
    workers = [
        started(prefix, "dask_worker", cluster.address, "--nthreads", "1", "--no-nanny", "--no-dashboard")
        for prefix in (here, there)
    ]
    try:
        yield workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


def deid(folder: Path, name: str, *more: str, prefix: Sequence[str] = ()) -> list[str]:
    """The command that fills the folder ``name``."""
    code = "from leadglass.cli.main import main; main()"
    arguments = ["deid", folder / "in", folder / name, "--key", folder / "key", "--pixels", "off", "--json", *more]
    return [*prefix, sys.executable, "-c", code, *map(str, arguments)]


def with_a_kill(folder: Path, name: str, cluster: Cluster, *, after: int) -> tuple[float, int]:
    """Run with two workers, kill the second when that many files are done; gives seconds, and files done by then."""
    environment = os.environ | SETTINGS | dict(cluster.variables)
    with running(cluster) as workers:
        time.sleep(4)
        command = deid(folder, name, "--engine", cluster.engine, "--quiet", prefix=cluster.prefixes[0])
        begun, seen = time.monotonic(), 0
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as run:
            for seen, _ in enumerate(run.stdout or (), start=1):
                if seen == after:
                    workers[1].send_signal(signal.SIGKILL)
        if run.returncode:
            raise SystemExit(f"{name} ended with {run.returncode}")
        return time.monotonic() - begun, min(after, seen)


def compared(folder: Path, name: str, count: int) -> str:
    """What a run made, beside the one without Dask. Anything lost, doubled or different ends the benchmark."""
    first, second = (
        {path.relative_to(out): path for path in out.rglob("*.dcm")} for out in (folder / "plain", folder / name)
    )
    same = first.keys() == second.keys() and all(filecmp.cmp(first[each], second[each], shallow=False) for each in first)
    others = [path for path in (folder / name).rglob("*") if path.is_file() and path.suffix != ".dcm"]
    with closing(sqlite3.connect(folder / f"{name}.report" / "run.db")) as journal:
        states = dict(journal.execute("SELECT state, count(*) FROM file GROUP BY state").fetchall())
        (in_chunks,) = journal.execute("SELECT sum(files) FROM chunk WHERE state = 'done'").fetchone()
        workers = dict(
            journal.execute("SELECT claimed_by, sum(files) FROM chunk WHERE state = 'done' GROUP BY 1").fetchall()
        )
    if not same or others or states != {"done": count} or in_chunks != count:
        raise SystemExit(f"{name}: same bytes {same}, left over {len(others)}, states {states}, in chunks {in_chunks}")
    shares = " + ".join(str(files) for files in workers.values())
    return f"{count} of {count} done, none twice, bytes equal; by worker: {shares}"


@contextmanager
def two_hosts(folder: Path) -> Iterator[Cluster]:
    """Two network namespaces with a cable between them, and one certificate that both trust."""
    ip = shutil.which("ip") or "ip"
    certificate, key = folder / "tls.pem", folder / "tls.key"
    request = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1")
    names = ("-subj", "/CN=leadglass", "-keyout", key, "-out", certificate)
    subprocess.run([*request, *names], check=True, capture_output=True)
    a, b = HOSTS
    try:
        for host in HOSTS:
            subprocess.run([ip, "netns", "add", host], check=True)
        subprocess.run(
            [ip, "link", "add", "lg-a", "netns", a, "type", "veth", "peer", "name", "lg-b", "netns", b], check=True
        )
        for host, device, address in zip(HOSTS, ("lg-a", "lg-b"), ADDRESSES, strict=True):
            subprocess.run([ip, "-n", host, "address", "add", f"{address}/24", "dev", device], check=True)
            for each in (device, "lo"):
                subprocess.run([ip, "-n", host, "link", "set", each, "up"], check=True)
        files = {"--tls-ca-file": certificate, "--tls-cert": certificate, "--tls-key": key}
        tls = "DASK_DISTRIBUTED__COMM__TLS__"
        yield Cluster(
            f"tls://{ADDRESSES[0]}:{PORT}",
            f"dask+tls://{ADDRESSES[0]}:{PORT}",
            prefixes=([ip, "netns", "exec", a], [ip, "netns", "exec", b]),
            flags=[str(part) for pair in files.items() for part in pair],
            variables={
                f"{tls}CA_FILE": str(certificate),
                f"{tls}CLIENT__CERT": str(certificate),
                f"{tls}CLIENT__KEY": str(key),
            },
        )
    finally:
        for host in HOSTS:
            subprocess.run([ip, "netns", "delete", host], check=False, capture_output=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=int, default=3000)
    count = parser.parse_args().films
    if importlib.util.find_spec("distributed") is None:
        print("skipped: the extra dask is not installed")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        films(folder / "in", count)
        begun = time.monotonic()
        subprocess.run(
            deid(folder, "plain", "--workers", "1", "--make-key", "--quiet"), check=True, stdout=subprocess.DEVNULL
        )
        print(f"in line: {count} films in {time.monotonic() - begun:.1f} s")
        cluster = Cluster(f"tcp://127.0.0.1:{PORT}", f"dask://127.0.0.1:{PORT}")
        seconds, killed = with_a_kill(folder, "local", cluster, after=count // 3)
        print(f"two workers, one killed after {killed}: {seconds:.1f} s; {compared(folder, 'local', count)}")
        if os.geteuid() or not shutil.which("ip") or not shutil.which("openssl"):
            print("two hosts: skipped, this needs root, ip and openssl")
            return
        with two_hosts(folder) as hosts:
            seconds, killed = with_a_kill(folder, "hosts", hosts, after=count // 3)
        print(f"two hosts, mutual TLS, one killed after {killed}: {seconds:.1f} s; {compared(folder, 'hosts', count)}")


if __name__ == "__main__":
    main()
