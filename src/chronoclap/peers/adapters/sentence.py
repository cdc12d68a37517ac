"""sentence-transformers' models of sound and text."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Adapter, AdapterError, files_at, import_peer


class Peer(Adapter):
    """A model that sentence-transformers loads, CLAP's directories included.

    Args:
        target: a directory or a name on the Hugging Face hub.
    """

    package = "sentence-transformers"

    def __init__(self, target: str) -> None:
        package = import_peer("sentence_transformers", "sentence-transformers")
        self._model = package.SentenceTransformer(target, device="cpu")
        self.files = files_at(target)
        processor = getattr(self._model[0], "processor", None)
        extractor = getattr(processor, "feature_extractor", None)
        if extractor is None:
            raise AdapterError(f"{target}: embeds no sounds (its processor has no feature extractor).")
        self.rate = int(extractor.sampling_rate)
        self.policy = "its processor's: padding={}, truncation={} (seeded)".format(
            getattr(extractor, "padding", None), getattr(extractor, "truncation", None)
        )

    def embed_audio(self, waveforms: list[np.ndarray]) -> Any:
        """As `Adapter.embed_audio`."""
        return self._encode([{"array": samples, "sampling_rate": self.rate} for samples in waveforms])

    def embed_text(self, texts: list[str]) -> Any:
        """As `Adapter.embed_text`."""
        # Bare, a text that ends with .wav would be taken for the path of a recording.
        return self._encode([{"text": text} for text in texts])

    def _encode(self, inputs: list[dict[str, Any]]) -> Any:
        return self._model.encode(inputs, batch_size=len(inputs), show_progress_bar=False)
