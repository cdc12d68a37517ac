"""LAION's own package, laion_clap."""

from __future__ import annotations

import numpy as np

from .base import Adapter, AdapterError, existing_file, files_at, first_line, import_peer


class Peer(Adapter):
    """A checkpoint of laion_clap, through its functions for arrays and texts.

    Args:
        target: path of the checkpoint.
        amodel: the package's name of the audio tower's settings.
        tmodel: of the text tower.
        fusion: "yes" for a fused checkpoint.
    """

    package = "laion_clap"
    rate = 48_000

    def __init__(
        self, target: str, amodel: str = "HTSAT-tiny", tmodel: str = "roberta", fusion: str = "no"
    ) -> None:
        if fusion not in ("yes", "no"):
            raise AdapterError(f"fusion={fusion}: say yes or no.")
        checkpoint = existing_file(target)
        self.files = files_at(checkpoint)
        package = import_peer("laion_clap", "laion_clap")
        import torch

        self._torch = torch
        self._model = package.CLAP_Module(
            enable_fusion=fusion == "yes", device="cpu", amodel=amodel, tmodel=tmodel
        )
        try:
            self._model.load_ckpt(checkpoint, verbose=False)
        except (RuntimeError, KeyError) as error:
            raise AdapterError(
                f"{target}: the weights do not fit {amodel} with fusion={fusion} ({first_line(error)}). "
                "A checkpoint of HTSAT-base takes #amodel=HTSAT-base, a fused one #fusion=yes."
            ) from error
        cut = "all of it, and three parts at random" if fusion == "yes" else "10 s cut at random"
        self.policy = f"shorter than 10 s: repeated (repeatpad); longer: {cut} (seeded); 16 bits"

    def embed_audio(self, waveforms: list[np.ndarray]) -> np.ndarray:
        """As `Adapter.embed_audio`."""
        with self._torch.no_grad():
            return self._model.get_audio_embedding_from_data(x=waveforms, use_tensor=False)

    def embed_text(self, texts: list[str]) -> np.ndarray:
        """As `Adapter.embed_text`."""
        with self._torch.no_grad():
            return self._model.get_text_embedding(texts, use_tensor=False)
