"""Adobe's own package, openflam."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import numpy as np

from .base import Adapter, existing_file, files_at, import_peer

SAMPLES = 480_000


class Peer(Adapter):
    """OpenFLAM's vectors of whole recordings.

    Args:
        target: "v1-base", which is fetched from the hub, or the path of a checkpoint of that model.
    """

    package = "openflam"
    rate = 48_000
    policy = "shorter than 10 s: silence follows; longer: the first 10 s (it takes 10 s; its example cuts so)"

    def __init__(self, target: str) -> None:
        checkpoint = None if target == "v1-base" else existing_file(target)
        self.files = files_at(checkpoint) if checkpoint is not None else ()
        package = import_peer("openflam", "openflam")
        import torch

        self._torch = torch
        # Its own default keeps what it fetches in /tmp.
        cache = import_peer("huggingface_hub.constants", "huggingface_hub").HF_HUB_CACHE
        with ExitStack() as stack:
            if checkpoint is not None:
                # Its constructor fetches the weights and loads them; only where they come from is changed.
                stack.enter_context(patch.object(package.hook, "hf_hub_download", lambda **_: checkpoint))
            model = package.OpenFLAM(model_name="v1-base", default_ckpt_path=cache)
        self._model = model.to("cpu").eval()

    def embed_audio(self, waveforms: list[np.ndarray]) -> Any:
        """As `Adapter.embed_audio`."""
        windows = np.zeros((len(waveforms), SAMPLES), np.float32)
        for row, waveform in enumerate(waveforms):
            windows[row, : len(waveform)] = waveform[:SAMPLES]
        return self._model.get_global_audio_features(self._torch.from_numpy(windows))

    def embed_text(self, texts: list[str]) -> Any:
        """As `Adapter.embed_text`."""
        return self._model.get_text_features(texts)
