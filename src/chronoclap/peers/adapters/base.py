"""What every adapter is, and what they share."""

from __future__ import annotations

import importlib
import os
import random
import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

SEED = 0
DEFAULT_RATE = 48_000


class AdapterError(Exception):
    """A peer cannot be used as asked; the text says what to do."""


class Adapter(ABC):
    """One model of a peer.

    Attributes:
        package: the package's name as pip knows it, "" where there is none.
        rate: the sampling rate that waveforms must have, in Hz.
        policy: what the peer makes of recordings shorter or longer than its window.
        alone: whether recordings are given one by one, because where the peer cuts one of them at random, or
            what it adds, depends on the others of a batch.
        files: what the model was loaded from, as far as it was given as files: absolute paths.
    """

    package = ""
    rate = DEFAULT_RATE
    policy = ""
    alone = True
    files: tuple[str, ...] = ()

    @abstractmethod
    def embed_audio(self, waveforms: list[np.ndarray]) -> np.ndarray:
        """(n,) float32 mono samples at `rate` to (len(waveforms), dim) vectors of any length."""

    @abstractmethod
    def embed_text(self, texts: list[str]) -> np.ndarray:
        """Texts to (len(texts), dim) vectors of any length."""

    def info(self) -> dict[str, Any]:
        """What this model is: package, version, rate in Hz, policy, files."""
        try:
            version = metadata.version(self.package) if self.package else ""
        except metadata.PackageNotFoundError:  # of a checkout that is on the path
            version = "unknown"
        return {
            "package": self.package,
            "version": version,
            "rate": self.rate,
            "policy": self.policy,
            "files": list(self.files),
        }


def embed_waveforms(adapter: Adapter, waveforms: list[np.ndarray]) -> np.ndarray:
    """Embed waveforms, each from the same state of the random number generators.

    Args:
        adapter: the model.
        waveforms: (n,) float32 mono samples at its rate.

    Returns:
        (len(waveforms), dim) float32 vectors of any length.
    """
    parts = [[waveform] for waveform in waveforms] if adapter.alone else [waveforms]
    found = []
    for part in parts:
        with seeded():
            found.append(as_vectors(adapter.embed_audio(part), len(part)))
    return np.concatenate(found)


def embed_texts(adapter: Adapter, texts: list[str]) -> np.ndarray:
    """Embed texts: (len(texts), dim) float32 vectors of any length."""
    with seeded():
        return as_vectors(adapter.embed_text(texts), len(texts))


def as_vectors(given: Any, count: int) -> np.ndarray:
    """What a peer gave, an array, a tensor on any device or a list, as (count, dim) float32.

    Raises:
        AdapterError: it has another shape.
    """
    if hasattr(given, "detach"):
        given = given.detach().cpu()
        # numpy has no bfloat16.
        given = given.float().numpy()
    elif isinstance(given, (list, tuple)):
        given = [item.detach().cpu().float().numpy() if hasattr(item, "detach") else item for item in given]
    vectors = np.asarray(given, np.float32)
    if vectors.ndim != 2 or len(vectors) != count:
        raise AdapterError(
            f"gave an array of shape {vectors.shape} for {count} items; "
            "it must give one vector for each: (items, dim)."
        )
    return np.ascontiguousarray(vectors)


def first_line(error: Exception) -> str:
    """An exception in a line: what went wrong, as the last line of a traceback begins."""
    if isinstance(error, AdapterError):
        return str(error)
    return f"{type(error).__name__}: {error}".splitlines()[0]


@contextmanager
def seeded() -> Iterator[None]:
    """While it lasts the random numbers of Python, numpy and torch are those of one seed: peers cut a window
    out of a long recording at random. Afterwards they go on as if nothing had been."""
    torch = sys.modules.get("torch")
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002  what peers draw from
    state = torch.get_rng_state() if torch else None
    try:
        random.seed(SEED)
        np.random.seed(SEED)  # noqa: NPY002
        if torch:
            torch.manual_seed(SEED)
        yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002
        if torch and state is not None:
            torch.set_rng_state(state)


def import_peer(module: str, install: str) -> Any:
    """A peer's module.

    Args:
        module: its name.
        install: what pip installs it by.

    Raises:
        AdapterError: it, or something that it needs, is not in this environment.
    """
    try:
        with warnings.catch_warnings():  # some silence all warnings for good
            return importlib.import_module(module)
    except ImportError as error:
        raise AdapterError(
            f"{module} cannot be imported here ({error}): pip install {install}, or name the Python of an "
            "environment that has it at the end of the specification: ...@/path/to/bin/python."
        ) from error


def existing_file(path: str) -> str:
    """The path of a file, `~` resolved.

    Raises:
        AdapterError: there is none.
    """
    found = os.path.expanduser(path)  # noqa: PTH111  peers take strings
    if not os.path.isfile(found):  # noqa: PTH113
        raise AdapterError(f"{path}: there is no such file; give the path of a checkpoint.")
    return found


def files_at(path: str) -> tuple[str, ...]:
    """The file at a path, or those in the folder there and below: absolute paths. None where nothing is, as
    behind a name on a hub."""
    place = Path(path).expanduser().resolve()
    if place.is_file():
        return (str(place),)
    return tuple(str(file) for file in sorted(place.rglob("*")) if file.is_file())
