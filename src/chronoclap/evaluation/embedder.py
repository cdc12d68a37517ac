"""What an evaluation asks of a model: sound and text become unit vectors in one space, and nothing else."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from chronoclap.audio import AudioSource
from chronoclap.errors import ModelError
from chronoclap.evaluation.rows import distinct


class Embedder(Protocol):
    """Any model, ours or a peer's, that embeds sound and text in one space."""

    @property
    def name(self) -> str:
        """The name that stands in reports."""

    def embed_audio(
        self, items: Iterable[AudioSource], *, batch_size: int = ..., progress: bool = ...
    ) -> np.ndarray:
        """Embed recordings of any rate and length, given lazily or not: (items, dim) float32, unit norm."""

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        """Embed texts: (texts, dim) float32, unit norm."""


def embed_sounds(
    embedder: Embedder, sounds: Iterable[AudioSource], count: int, *, progress: bool = False
) -> np.ndarray:
    """Embed a stream of sounds and check that one vector came back for each.

    Args:
        embedder: the model.
        sounds: the stream, read once; a list of ten-second sounds would fill the memory, so make them as you
            go.
        count: how many sounds the stream holds.
        progress: show the model's own progress bar.

    Returns:
        (count, dim) float32.

    Raises:
        ModelError: the model gave back another shape.
    """
    return _checked(embedder, "embed_audio", embedder.embed_audio(sounds, progress=progress), count)


def embed_texts(embedder: Embedder, texts: Sequence[str]) -> np.ndarray:
    """Embed texts, each distinct one once.

    Args:
        embedder: the model.
        texts: the texts, in any order and as often repeated as you like.

    Returns:
        (texts, dim) float32, a row for each text given.

    Raises:
        ModelError: the model gave back another shape.
    """
    once = distinct(texts)
    row = {text: index for index, text in enumerate(once)}
    vectors = _checked(embedder, "embed_text", embedder.embed_text(once), len(once))
    return vectors[[row[text] for text in texts]]


def _checked(embedder: Embedder, method: str, vectors: np.ndarray, count: int) -> np.ndarray:
    if vectors.ndim != 2 or len(vectors) != count:
        raise ModelError(
            f"{method} of {embedder.name} gave an array of shape {vectors.shape} for {count} items; "
            "it must give one vector for each, as an array of shape (items, dim)."
        )
    return vectors
