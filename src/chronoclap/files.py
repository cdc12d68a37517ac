"""Files that appear whole or not at all, and folders that one process writes to at a time."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from chronoclap.errors import DataError


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
def held(folder: Path, doing: str = "writing to this folder") -> Iterator[None]:
    """Keep other processes out of a folder, as far as they ask; one that dies lets go of it.

    Args:
        folder: is made if it is not there; a file `.lock` is in it while it is held.
        doing: what others are told that this one does.

    Raises:
        DataError: another holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise DataError(f"{folder}: another run is {doing}. Wait for it, or name another --out.") from None
    try:
        yield
    finally:
        # While it is held, so that nobody else's is removed. Windows keeps an open file: there the release
        # removes it.
        with suppress(PermissionError):
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
