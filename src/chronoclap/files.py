"""Files that appear whole or not at all, and folders that one process writes to at a time."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from chronoclap.errors import DataError

if sys.platform == "win32":
    import msvcrt

    def _lock(file: BinaryIO) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path beside `path`; what is written there takes its place if the block ends well.

    Args:
        path: the file; its folder is made if it is not there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield new
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


@contextmanager
def replaced_directory(directory: Path, last: str = "config.json") -> Iterator[Path]:
    """A new directory whose files move to `directory` when all of them are written, `last` last: a directory
    with one is whole."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f".{directory.name}-") as temporary:
        new = Path(temporary) / "new"
        new.mkdir()
        yield new
        directory.mkdir(exist_ok=True)
        for file in sorted(new.iterdir(), key=lambda file: file.name == last):
            file.chmod(0o644)
            file.replace(directory / file.name)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder, as far as they ask; one that dies lets go of it.

    Args:
        folder: is made if it is not there; a file `.lock` stays in it.

    Raises:
        DataError: another holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("ab") as file:
        file.seek(0)  # Windows locks a byte, from where the file stands
        try:
            _lock(file)
        except (BlockingIOError, PermissionError) as error:
            raise DataError(
                f"{folder}: another run is writing to this folder. Wait for it, or name another --out."
            ) from error
        yield
