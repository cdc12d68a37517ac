"""Microsoft's own package, msclap."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Adapter, AdapterError, existing_file, files_at, import_peer

VERSIONS = ("2022", "2023")


class Peer(Adapter):
    """A checkpoint of msclap, through its functions for files and texts.

    Args:
        target: "2022" or "2023", which are fetched from the hub, or the path of a checkpoint.
        version: which of the two a checkpoint is of.
    """

    package = "msclap"

    def __init__(self, target: str, version: str = "2023") -> None:
        if target in VERSIONS:
            checkpoint, version = None, target
        else:
            checkpoint = existing_file(target)
            self.files = files_at(checkpoint)
        if version not in VERSIONS:
            raise AdapterError(f"msclap {version}: say 2022 or 2023; the captioner embeds no texts.")
        wrapper = import_peer("msclap.CLAPWrapper", "msclap").CLAPWrapper
        import torch

        class FromArrays(wrapper):  # type: ignore[misc, valid-type]
            """It reads files with torchaudio, which needs more packages for that from its version 2.9 on:
            here samples take the place of a path, and all else is its own."""

            def read_audio(self, audio_path: Any, resample: bool = True) -> Any:
                return torch.from_numpy(audio_path)[None], self.args.sampling_rate

        self._model = FromArrays(checkpoint, version=version, use_cuda=False)
        if checkpoint is not None:
            # It loads what fits and leaves the rest at random, without a word.
            given = torch.load(checkpoint, map_location="cpu")["model"]
            if missing := [name for name, _ in self._model.clap.named_parameters() if name not in given]:
                raise AdapterError(
                    f"{target}: lacks {missing[0]} and {len(missing) - 1} other weights of msclap {version}; "
                    "say #version=2022 or #version=2023, whichever it is of."
                )
        self.rate = int(self._model.args.sampling_rate)
        seconds = self._model.args.duration
        self.policy = (
            f"shorter than {seconds} s: repeated (repeat); longer: {seconds} s cut at random (seeded)"
        )

    def embed_audio(self, waveforms: list[np.ndarray]) -> Any:
        """As `Adapter.embed_audio`."""
        return self._model.get_audio_embeddings(waveforms)

    def embed_text(self, texts: list[str]) -> Any:
        """As `Adapter.embed_text`."""
        return self._model.get_text_embeddings(texts)
