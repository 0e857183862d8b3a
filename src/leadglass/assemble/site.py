"""Where adapters are chosen: settings in, a Site out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path

from leadglass.adapters.detectors import text as text_reader
from leadglass.adapters.detectors.outlines import OnnxOutlines
from leadglass.adapters.detectors.rapidocr import RapidOcr
from leadglass.adapters.files import FolderBlobs, FolderCases, FolderTiles, write_new
from leadglass.adapters.keys.file import FileKeys
from leadglass.adapters.keys.root import RootFile
from leadglass.adapters.sql.cipher import RecordCipher
from leadglass.adapters.sql.database import SqlDatabase
from leadglass.adapters.system import SystemClock, SystemEntropy
from leadglass.adapters.tracing import aligner, reader
from leadglass.adapters.tracing.aligner import ConfinedAligner
from leadglass.adapters.tracing.reader import ConfinedReader
from leadglass.config import SETTINGS_FILE, Settings, new_settings, read_settings
from leadglass.deid.profile import Profile, profile
from leadglass.errors import ConfigError, ConflictError, LeadglassError, UnavailableError
from leadglass.flows import people
from leadglass.flows.checkpoint import checkpoint
from leadglass.flows.session import Session, login
from leadglass.model.access import Role
from leadglass.policy.decide import Policies, load, shipped
from leadglass.site import Site

ROOT_KEY, DATABASE, KEYS, BLOBS, LOG, CASES, TEMPORARY = (
    "root.key",
    "leadglass.db",
    "keys.db",
    "blobs",
    "log",
    "cases",
    "tmp",
)

EXAMPLE_PASSPHRASE = "example"  # noqa: S105 - the example site's people are nobody, and their passphrase is published
EXAMPLE_ADMIN = "admin.demo"
EXAMPLE_PEOPLE = (
    ("tech.demo", Role.TECHNOLOGIST, "radiology"),
    ("dr.demo", Role.RADIOLOGIST, "radiology"),
    ("ward.demo", Role.REFERRER, "pulmonology"),
    ("student.demo", Role.STUDENT, "radiology"),
    ("dso.demo", Role.SECURITY_OFFICER, "data security"),
    ("head.demo", Role.DEPARTMENT_HEAD, "radiology"),
    ("vendor.demo", Role.VENDOR, None),
    ("auditor.demo", Role.AUDITOR, "audit"),
)


@contextmanager
def open_site(folder: Path) -> Iterator[Site]:
    """The site in that folder.

    Raises:
        ConfigError: it is none, its settings are wrong, or its root key is missing or readable by others.
        SealBrokenError: the root key is another site's, or one from before it was exchanged.
    """
    settings = read_settings(folder)
    for name in (DATABASE, KEYS):
        if not (folder / name).is_file():
            raise ConfigError(f"the site lacks {name}", hint=f"restore {folder / name} from a backup")
    keys, database = _stores(folder)
    try:
        database.check_version()
        # Each of their processes starts when it is first asked, and ends here.
        with (
            RapidOcr() if text_reader.available() else nullcontext() as engine,
            ConfinedAligner() if aligner.available() else nullcontext() as aligning,
        ):
            site = _site(folder, settings, keys, database)
            yield replace(site, text=engine, aligner=aligning, reader=ConfinedReader() if reader.available() else None)
    finally:
        database.close()
        keys.close()


def create_site(folder: Path, *, admin: str, passphrase: str, example: bool = False) -> None:
    """Make a site in a new folder: whole, or not at all.

    ``example`` adds the people of the demonstration, whose passphrase is published.

    Raises:
        ConflictError: something is in the folder already.
        UnavailableError: the folder cannot be written.
    """
    folder = folder.absolute()
    check_new_folder(folder)
    entropy = SystemEntropy()
    making = folder.with_name(f".{folder.name}.{entropy.bytes(6).hex()}.making")
    try:
        making.mkdir(mode=0o700, parents=True)
        _fill(making, admin=admin, passphrase=passphrase, example=example)
        making.rename(folder)
    except OSError as error:
        raise UnavailableError(f"the site cannot be made: {error.strerror}", hint=f"look at {folder.parent}") from error
    finally:
        with suppress(OSError):
            shutil.rmtree(making)


def check_new_folder(folder: Path) -> None:
    """Raises ConflictError unless a site may be made there: in a folder that is not there yet, or is empty."""
    if folder == Path.cwd():
        raise ConflictError("a site is not made in the folder you are in", hint="name a new folder: leadglass init NAME")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConflictError(f"{folder} is not empty", hint="choose a new folder for the site")


def _fill(folder: Path, *, admin: str, passphrase: str, example: bool) -> None:
    # Two sites never share an origin, whatever their folders are called.
    origin = f"leadglass.example/{SystemEntropy().bytes(8).hex()}"
    write_new(folder / SETTINGS_FILE, new_settings(origin=origin).encode(), mode=0o644)
    for child in (BLOBS, LOG, CASES, TEMPORARY, "policies"):
        (folder / child).mkdir(mode=0o700)
    for policy, text in shipped().items():
        write_new(folder / "policies" / policy, text.encode(), mode=0o644)
    RootFile(folder / ROOT_KEY).make()
    with closing(kept_keys(folder)) as made:
        made.make()
    keys, database = _stores(folder)
    try:
        database.create()
        site = _site(folder, read_settings(folder), keys, database)
        people.found(site, admin, passphrase)
        if example:
            _add_examples(site, login(site, admin, passphrase))
        checkpoint(site)
    finally:
        database.close()
        keys.close()


def _add_examples(site: Site, session: Session) -> None:
    for name, role, department in EXAMPLE_PEOPLE:
        people.add(site, session, name, roles=[role], department=department, passphrase=EXAMPLE_PASSPHRASE)


def kept_keys(folder: Path) -> FileKeys:
    """The keys of the site in that folder, under the root key that lies there or that systemd gives."""
    return FileKeys(None, folder / KEYS, root_file=RootFile(folder / ROOT_KEY))


def _stores(folder: Path) -> tuple[FileKeys, SqlDatabase]:
    keys = kept_keys(folder)
    try:
        cipher = RecordCipher(keys.secret("records"), entropy=SystemEntropy())
    except LeadglassError:
        keys.close()
        raise
    return keys, SqlDatabase(folder / DATABASE, cipher=cipher)


def _site(folder: Path, settings: Settings, keys: FileKeys, database: SqlDatabase) -> Site:
    return Site(
        origin=settings.log.origin,
        blobs=FolderBlobs(folder / BLOBS, temporary=folder / TEMPORARY),
        database=database,
        keys=keys,
        tiles=FolderTiles(folder / LOG),
        cases=FolderCases(folder / CASES),
        clock=SystemClock(),
        entropy=SystemEntropy(),
        detector=OnnxOutlines(),
        policies=_policies(folder / settings.policy.folder),
        profile=_profile(folder, settings),
        grid=settings.veil.grid,
        ticket_lifetime=settings.ticket_lifetime,
        grant_lifetime=settings.grant_lifetime,
    )


def _profile(folder: Path, settings: Settings) -> Profile:
    text = settings.deid.profile
    if text != "basic":
        try:
            text = (folder / text).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError, ValueError) as error:
            raise ConfigError("the profile file cannot be read", hint=f"look at deid.profile in {SETTINGS_FILE}") from error
    return profile(text, options=settings.deid.options)


def _policies(folder: Path) -> Policies:
    """The policies of a site. A file that cannot be read closes the site as one that cannot be understood does."""
    return load({path.name: _policy_text(path) for path in sorted(folder.glob("*.cedar"))})


def _policy_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        # No Cedar: the engine refuses it under the file's name, and quotes what it says.
        return f"this file cannot be read: {type(error).__name__}"
