"""Files that appear whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
