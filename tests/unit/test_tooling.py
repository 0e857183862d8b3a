"""What the tools promise: floors hold, start-up is light, licences are permissive, nothing foreign is committed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# Spelled with gaps and escapes, so that this file does not match itself.
MACHINE_PATH = re.compile(r"(?<![\w.\-~])/(?:work|farm|root|opt|mnt|home/\w+)/")
REGISTRY_HOST = re.compile(r"pypi\.org|pythonhosted\.org|registry\.npmjs|deb\.debian|test\.pypi", re.IGNORECASE)

PICTURE_SUFFIXES = frozenset(
    ".dcm .png .jpg .jpeg .gif .bmp .tif .tiff .webp .jp2 .nii .npy .npz .onnx .pt".split()  # noqa: SIM905 - reads better
)
PICTURE_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\x00", b"MM\x00*", b"\x00\x00\x00\x0cjP")

OWN_PICTURES: Mapping[str, str] = {
    "docs/images/film.png": "tools/readme_picture.py",
    "docs/images/outlines-difficult.png": "bench/outlines.py",
    "src/leadglass/anatomy/model/outlines.onnx": "training/anatomy",
    "src/leadglass/mark/codebook/v1.npz": "training/fingerprint",
}
"""Pictures and models of this repository, and what in it made them."""

PERMISSIVE = {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "PSF-2.0", "Zlib"}

LICENCE_NAMES = {
    "MIT License": "MIT",
    "ISC License": "ISC",
    "Apache Software License": "Apache-2.0",
    "3-Clause BSD License": "BSD-3-Clause",
}
"""SPDX identifiers for what older metadata say in words."""

LICENCE_FILES = {"cedarpy": "Apache-2.0"}
"""Packages whose metadata state no licence: what their licence file is."""


def repository_files(repository: Path) -> list[Path]:
    """What is committed, or would be."""
    # A checkout that belongs to another user is still only listed here.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if not (repository / ".git").exists():
        pytest.skip("not a git checkout: what is committed cannot be told")
    listed = subprocess.run(command, cwd=repository, capture_output=True, check=True, text=True).stdout
    return [path for name in listed.split("\0") if name and (path := repository / name).is_file()]


def is_picture(path: Path) -> bool:
    """Whether a file holds an image, volume, array or model, by its name or its first bytes."""
    with path.open("rb") as file:
        start = file.read(132)
    named = not PICTURE_SUFFIXES.isdisjoint(suffix.lower() for suffix in path.suffixes)
    return named or start.startswith(PICTURE_STARTS) or start[128:] == b"DICM"


def runtime_requirements() -> dict[str, importlib.metadata.Distribution]:
    """Everything that comes with leadglass when no extra is asked for, by canonical name."""
    return _closure("leadglass", extras=frozenset(), seen={})


def _closure(
    name: str, *, extras: frozenset[str], seen: dict[str, importlib.metadata.Distribution]
) -> dict[str, importlib.metadata.Distribution]:
    for line in importlib.metadata.requires(name) or []:
        requirement = Requirement(line)
        marker = requirement.marker
        key = canonicalize_name(requirement.name)
        if key in seen or (marker and not any(marker.evaluate({"extra": extra}) for extra in extras | {""})):
            continue
        seen[key] = importlib.metadata.distribution(requirement.name)
        _closure(requirement.name, extras=frozenset(requirement.extras), seen=seen)
    return seen


def licences(name: str, distribution: importlib.metadata.Distribution) -> set[str]:
    """The licences of a distribution as SPDX identifiers: one of them where it offers a choice.

    In the order in which metadata became reliable: the expression, classifiers, the free field.
    """
    fields = distribution.metadata.json
    expression = fields.get("license_expression") or LICENCE_FILES.get(name)
    if not expression:
        said = [line.rpartition(" :: ")[2] for line in fields.get("classifier", []) if line.startswith("License ::")]
        words = [re.sub(r" \(.*\)$", "", word) for word in said] or [str(fields.get("license", "none stated"))]
        return {LICENCE_NAMES.get(word, word) for word in words}
    choices = [set(re.split(r" AND ", choice.strip("() "))) for choice in str(expression).split(" OR ")]
    return next((choice for choice in choices if choice <= PERMISSIVE), choices[0])


def test_the_floors_hold(repository: Path) -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    checked = subprocess.run([lint, "--no-cache", "--no-logo"], cwd=repository, capture_output=True, text=True, timeout=120)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.skipif(importlib.util.find_spec("leadglass.cli.main") is None, reason="leadglass.cli.main is not there")
def test_help_loads_nothing_heavy() -> None:
    code = (
        "import json, sys\n"
        "from leadglass.cli.main import main\n"
        "sys.argv = ['leadglass', '--help']\n"
        "try:\n"
        "    main()\n"
        "except SystemExit:\n"
        "    pass\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True, timeout=60)
    loaded = set(json.loads(ran.stderr.splitlines()[-1]))
    assert "ingest" in ran.stdout
    assert (
        loaded & {"pydicom", "numpy", "sqlalchemy", "pydantic", "cryptography", "argon2", "imagecodecs", "cedarpy"} == set()
    )


def test_no_file_names_a_machine_or_a_registry(repository: Path) -> None:
    named = []
    for path in repository_files(repository):
        text = path.read_bytes().decode(errors="ignore")
        named += [
            f"{path.relative_to(repository)}:{number}"
            for number, line in enumerate(text.splitlines(), start=1)
            if MACHINE_PATH.search(line) or REGISTRY_HOST.search(line)
        ]
    assert named == []


@pytest.mark.parametrize(
    "line", ["cd " + "/wo" + "rk/main", "see " + "/home" + "/ann/films", "index " + "https://py" + "pi.org"]
)
def test_names_of_machines_and_registries_are_noticed(line: str) -> None:
    assert MACHINE_PATH.search(line) or REGISTRY_HOST.search(line)


def test_every_picture_and_model_is_our_own(repository: Path) -> None:
    pictures = {path.relative_to(repository).as_posix() for path in repository_files(repository) if is_picture(path)}
    # Cases that the fuzzer keeps are mutations of what the generator of the hostile set makes.
    assert {path for path in pictures if not path.startswith("tests/fuzz/corpus/")} == set(OWN_PICTURES)


def test_a_picture_under_another_name_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "film.txt").write_bytes(bytes(128) + b"DICM")
    (tmp_path / "note.txt").write_text("no picture")
    assert [path.name for path in sorted(tmp_path.iterdir()) if is_picture(path)] == ["film.txt"]


def test_runtime_requirements_are_under_permissive_licences() -> None:
    found = {name: licences(name, distribution) for name, distribution in runtime_requirements().items()}
    assert {name: said for name, said in found.items() if not said <= PERMISSIVE} == {}


def test_runtime_requirements_bring_no_gpu_stack() -> None:
    names = runtime_requirements()
    assert "pydicom" in names
    assert [name for name in names if re.match(r"nvidia|cuda|torch|triton", name)] == []


def test_the_gpl_decoder_is_not_installed() -> None:
    # pydicom knows it under the plugin name of its permissive sibling and would prefer it for JPEG without a word.
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.distribution("pylibjpeg-libjpeg")


def test_every_requirement_is_pinned(repository: Path) -> None:
    pins = [line for line in (repository / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pinned = {canonicalize_name(line.partition("==")[0]) for line in pins if "==" in line}
    needed = _closure("leadglass", extras=frozenset({"dev"}), seen={})
    assert set(needed) - pinned == set()
