"""A peer's model as an evaluation sees it: recordings and texts in, unit vectors out."""

import hashlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from tqdm.auto import tqdm

from chronoclap.audio import AudioSource, read_audio
from chronoclap.errors import ModelError
from chronoclap.models.clap import is_one_recording, with_rate
from chronoclap.peers.adapters import Adapter, open_adapter
from chronoclap.peers.adapters.base import embed_texts, embed_waveforms, first_line
from chronoclap.peers.bridge import Bridge
from chronoclap.peers.spec import PeerSpec

MOST_SAMPLES = 2**24
"""Samples held at a time, 64 MiB: recordings may last hours."""


class Backend(Protocol):
    """Where a peer runs: here, or in another process."""

    info: dict[str, Any]

    def embed_audio(self, waveforms: list[np.ndarray]) -> np.ndarray:
        """Waveforms at the peer's rate to (n, dim) float32 of any length."""

    def embed_text(self, texts: list[str]) -> np.ndarray:
        """Texts to (n, dim) float32 of any length."""

    def close(self) -> None:
        """Let go of the model."""


class PeerModel:
    """A peer's model; it has what `evaluation.Embedder` asks.

    Args:
        spec: which.

    Attributes:
        name: what reports call it; it may be changed.
        info: what it is: `spec`, `package`, `version`, `rate` in Hz, `policy` (what the peer makes of
            recordings shorter or longer than its window), `files` that it was loaded from, and `python` where
            it runs in another environment.

    Raises:
        ModelError: it cannot be loaded; the text says why.
    """

    def __init__(self, spec: PeerSpec) -> None:
        self.name = spec.name
        self._spec = spec
        self._title = spec.text
        self._widths: dict[str, int] = {}
        self._backend: Backend
        if spec.python is None:
            self._backend = _Here(spec)
        else:
            self._backend = Bridge(spec.python, spec.text, spec.kind, spec.target, spec.options)
        self.info: dict[str, Any] = {"spec": spec.text, **self._backend.info}

    @property
    def rate(self) -> int:
        """The sampling rate that the peer listens at, in Hz; other rates are resampled to it by us."""
        return int(self.info["rate"])

    @cached_property
    def dim(self) -> int:
        """Width of an embedding."""
        return self.embed_text(["a sound"]).shape[1]

    def digest(self) -> str:
        """What is known of the model without asking it, as 64 hexadecimal digits: its name and options, the
        package and its version, rate and policy, the interpreter of another environment, and the content of
        its files, wherever they lie."""
        known = {name: value for name, value in self.info.items() if name not in ("spec", "files")}
        digest = hashlib.sha256(repr((self._spec.name, sorted(self._spec.options.items()), known)).encode())
        for file in self.info["files"]:
            with Path(file).open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
        return digest.hexdigest()

    def embed_audio(
        self,
        items: AudioSource | np.ndarray | Iterable[AudioSource | np.ndarray],
        *,
        batch_size: int = 16,
        progress: bool = False,
    ) -> np.ndarray:
        """Embed recordings, of which no more than a batch is in memory.

        What the peer draws at random, such as the part that it hears of a long recording, it draws from the
        same seed each time.

        Args:
            items: one recording or any iterable of them, read lazily: paths, (samples, rate) pairs, or arrays
                of mono samples that are at `rate` already.
            batch_size: recordings given to the peer at a time.
            progress: show a progress bar.

        Returns:
            (n, dim) float32 unit vectors, also for one recording.

        Raises:
            AudioError: a recording cannot be used; the text names it.
            ModelError: the peer fails, or gives something else than a vector for each.
        """
        several: Any = [items] if is_one_recording(items) else items
        total = len(several) if isinstance(several, Sequence | np.ndarray) else None
        found = []
        with tqdm(total=total, unit="file", disable=not progress) as bar:
            for batch in _batches(several, self.rate, batch_size):
                found.append(self._unit(self._backend.embed_audio(batch), len(batch), "sounds"))
                bar.update(len(batch))
        return np.concatenate(found) if found else np.zeros((0, self.dim), np.float32)

    def embed_text(
        self, texts: str | Sequence[str], *, batch_size: int = 64, progress: bool = False
    ) -> np.ndarray:
        """Embed texts.

        Args:
            texts: one text or a sequence of them; what is too long is cut as the peer does.
            batch_size: texts given to the peer at a time.
            progress: show a progress bar.

        Returns:
            (n, dim) float32 unit vectors, also for one text.

        Raises:
            ModelError: the peer fails, or gives something else than a vector for each.
        """
        several = [texts] if isinstance(texts, str) else list(texts)
        found = []
        with tqdm(total=len(several), unit="text", disable=not progress) as bar:
            for first in range(0, len(several), batch_size):
                batch = several[first : first + batch_size]
                found.append(self._unit(self._backend.embed_text(batch), len(batch), "texts"))
                bar.update(len(batch))
        return np.concatenate(found) if found else np.zeros((0, self.dim), np.float32)

    def close(self) -> None:
        """Let go of the model, and end its process where it has one."""
        self._backend.close()

    def _unit(self, vectors: np.ndarray, count: int, of: str) -> np.ndarray:
        """(count, dim) vectors of length 1.

        Raises:
            ModelError: one has no direction, or they are of another width than those before.
        """
        for other, width in self._widths.items():
            if width != vectors.shape[1]:
                raise ModelError(
                    f"{self._title}: gives vectors of {vectors.shape[1]} numbers for {of} and of {width} for "
                    f"{other}; sounds and texts must share one space."
                )
        self._widths[of] = vectors.shape[1]
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if bad := int(np.sum(~np.isfinite(lengths) | (lengths == 0))):
            raise ModelError(f"{self._title}: {bad} of {count} vectors are zero, NaN or infinite.")
        return (vectors / lengths).astype(np.float32)


class _Here:
    """A peer in this process."""

    def __init__(self, spec: PeerSpec) -> None:
        self._title = spec.text
        with self._told():
            self._adapter: Adapter | None = open_adapter(spec.kind, spec.target, spec.options)
            self.info = self._adapter.info()

    def embed_audio(self, waveforms: list[np.ndarray]) -> np.ndarray:
        with self._told():
            return embed_waveforms(self._opened(), waveforms)

    def embed_text(self, texts: list[str]) -> np.ndarray:
        with self._told():
            return embed_texts(self._opened(), texts)

    def close(self) -> None:
        self._adapter = None

    def _opened(self) -> Adapter:
        if self._adapter is None:
            raise ModelError(f"{self._title}: has been closed; open the model again.")
        return self._adapter

    @contextmanager
    def _told(self) -> Iterator[None]:
        """As out of another process: errors of the peer's code are those of a model, and what it prints goes
        to the standard error."""
        try:
            with redirect_stdout(sys.stderr):
                yield
        except ModelError:
            raise
        except Exception as error:
            raise ModelError(f"{self._title}: {first_line(error)}") from error


def _batches(items: Iterable[Any], rate: int, size: int) -> Iterator[list[np.ndarray]]:
    """Recordings as samples, in order, so many at a time; fewer where they are long."""
    batch: list[np.ndarray] = []
    samples = 0
    for item in items:
        batch.append(read_audio(with_rate(item, rate), rate))
        samples += batch[-1].size
        if len(batch) == size or samples >= MOST_SAMPLES:
            yield batch
            batch, samples = [], 0
    if batch:
        yield batch
