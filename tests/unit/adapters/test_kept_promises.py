"""Every adapter keeps what its port promises, the ones in memory too."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from leadglass.adapters.files import FolderBlobs, FolderCases, FolderOutlet, FolderTiles
from leadglass.adapters.keys.file import FileKeys
from leadglass.adapters.sql.cipher import RecordCipher
from leadglass.adapters.sql.database import SqlDatabase
from leadglass.adapters.system import SystemEntropy
from leadglass.ports import Blobs, Cases, Database, Keys, Outlet, Tiles
from leadglass.testing.memory import (
    MemoryBlobs,
    MemoryDatabase,
    MemoryKeys,
    MemoryOutlet,
    MemoryTiles,
    SeededEntropy,
    SetClock,
)
from leadglass.testing.promises import (
    BlobsPromises,
    CasesPromises,
    DatabasePromises,
    KeysPromises,
    OutletPromises,
    TilesPromises,
)


class Folder:
    """What can be seen in a folder, hidden names included: name to content."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keys(self) -> list[str]:
        return [each.name for each in self._path.iterdir()] if self._path.exists() else []

    def __getitem__(self, name: str) -> bytes:
        return (self._path / name).read_bytes()


class TestMemoryBlobs(BlobsPromises):
    @pytest.fixture
    def blobs(self) -> Blobs:
        return MemoryBlobs(SetClock())


class TestFolderBlobs(BlobsPromises):
    @pytest.fixture
    def blobs(self, tmp_path: Path) -> Blobs:
        for name in ("blobs", "tmp"):
            (tmp_path / name).mkdir()
        return FolderBlobs(tmp_path / "blobs", temporary=tmp_path / "tmp")


class TestMemoryKeys(KeysPromises):
    @pytest.fixture
    def keys(self) -> Keys:
        return MemoryKeys(SeededEntropy())


class TestFileKeys(KeysPromises):
    @pytest.fixture
    def keys(self, tmp_path: Path) -> Iterator[Keys]:
        keys = FileKeys(bytes(range(32)), tmp_path / "keys.db")
        keys.make()
        yield keys
        keys.close()


class TestMemoryTiles(TilesPromises):
    @pytest.fixture
    def tiles(self) -> Tiles:
        return MemoryTiles()


class TestFolderTiles(TilesPromises):
    @pytest.fixture
    def tiles(self, tmp_path: Path) -> Tiles:
        return FolderTiles(tmp_path)


class TestMemoryCases(CasesPromises):
    @pytest.fixture
    def cases(self) -> MemoryTiles:
        return MemoryTiles()

    @pytest.fixture
    def kept(self, cases: MemoryTiles) -> dict[str, bytes]:
        return cases.files


class Case(Mapping[str, bytes]):
    """What lies in the folder of cases, path to content; the folders and files are their owner's alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __iter__(self) -> Iterator[str]:
        for path in self._folder.rglob("*"):
            assert path.stat().st_mode & 0o077 == 0
            if path.is_file():
                yield str(path.relative_to(self._folder))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __getitem__(self, path: str) -> bytes:
        return (self._folder / path).read_bytes()


class TestFolderCases(CasesPromises):
    @pytest.fixture
    def cases(self, tmp_path: Path) -> Cases:
        return FolderCases(tmp_path / "cases")

    @pytest.fixture
    def kept(self, tmp_path: Path) -> Case:
        return Case(tmp_path / "cases")


class TestMemoryOutlet(OutletPromises):
    @pytest.fixture
    def outlet(self) -> MemoryOutlet:
        return MemoryOutlet(room=1 << 30)

    @pytest.fixture
    def delivered(self, outlet: MemoryOutlet) -> dict[str, bytes]:
        return outlet.files


class TestFolderOutlet(OutletPromises):
    @pytest.fixture
    def outlet(self, tmp_path: Path) -> Outlet:
        return FolderOutlet(tmp_path / "out")

    @pytest.fixture
    def delivered(self, tmp_path: Path) -> Folder:
        return Folder(tmp_path / "out")


class TestMemoryDatabase(DatabasePromises):
    @pytest.fixture
    def database(self) -> Database:
        return MemoryDatabase()


class TestSqlDatabase(DatabasePromises):
    @pytest.fixture
    def database(self, tmp_path: Path) -> Iterator[Database]:
        cipher = RecordCipher(bytes(32), entropy=SystemEntropy())
        database = SqlDatabase(tmp_path / "leadglass.db", cipher=cipher)
        database.create()
        yield database
        database.close()
