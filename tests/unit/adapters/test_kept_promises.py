"""Every adapter keeps what its port promises, the ones in memory too."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from leadglass.adapters.files import FolderBlobs, FolderOutlet, FolderTiles
from leadglass.adapters.keys.file import FileKeys
from leadglass.adapters.sql.cipher import RecordCipher
from leadglass.adapters.sql.database import SqlDatabase
from leadglass.adapters.system import SystemEntropy
from leadglass.ports import Blobs, Database, Keys, Outlet, Tiles
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
