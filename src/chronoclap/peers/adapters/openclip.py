"""open_clip's models of sound, which its versions after 3.3 have."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Adapter, AdapterError, files_at, import_peer

LOCAL = "local-dir:"


class Peer(Adapter):
    """A model of open_clip with a sound tower of fixed windows (HTSAT, Whisper).

    Args:
        target: the model's name, one of the hub (hf-hub:NAME) or a directory (local-dir:PATH) included.
        pretrained: a tag of its weights, or the path of a checkpoint.
    """

    package = "open_clip_torch"

    def __init__(self, target: str, pretrained: str = "") -> None:
        package = import_peer("open_clip", "open_clip_torch")
        import torch

        self._torch = torch
        if not has_audio():
            raise AdapterError(
                f"open_clip {package.__version__} has no models of sound, which came after 3.3: install its "
                "main branch."
            )
        created = package.create_model_and_transforms(target, pretrained=pretrained or None, device="cpu")
        self._model, self._preprocess = created[0].eval(), created[2]
        folder = files_at(target.removeprefix(LOCAL)) if target.startswith(LOCAL) else ()
        self.files = (*folder, *(files_at(pretrained) if pretrained else ()))
        audio = getattr(self._model, "audio", None)
        if audio is None or not hasattr(self._model, "encode_audio"):
            raise AdapterError(f"{target}: a model of pictures; name one of sound.")
        if str(audio.cfg.model_type).lower() == "naflexvit":
            raise AdapterError(
                f"{target}: models of variable length (NaFlex) have another input, which this adapter does "
                "not make; give python:FILE.py:NAME (see chronoclap.peers)."
            )
        self._tokenize = package.get_tokenizer(target)
        self.rate = int(audio.cfg.sample_rate)
        seconds = audio.cfg.clip_samples / self.rate
        kept = "four views, one cut at random (seeded)" if audio.cfg.enable_fusion else "the first of them"
        self.policy = "shorter than {:g} s: {}; longer: {}".format(
            seconds, getattr(self._preprocess, "data_fill", "its own choice"), kept
        )

    def embed_audio(self, waveforms: list[np.ndarray]) -> Any:
        """As `Adapter.embed_audio`."""
        torch = self._torch
        made = [self._preprocess((torch.from_numpy(samples)[None], self.rate)) for samples in waveforms]
        batch = {
            name: torch.stack([torch.as_tensor(one[name]) for one in made])
            for name in made[0]  # waveform, longer, and of fused models mel_fusion
        }
        with torch.no_grad():
            # Not encode_audio: some towers have a head that only the whole model applies.
            output = self._model(audio=batch)
        return output["audio_features"] if isinstance(output, dict) else output[0]

    def embed_text(self, texts: list[str]) -> Any:
        """As `Adapter.embed_text`."""
        with self._torch.no_grad():
            return self._model.encode_text(self._tokenize(texts), normalize=True)


def has_audio() -> bool:
    """Whether the open_clip that is here knows sound."""
    from importlib.util import find_spec

    return find_spec("open_clip.audio") is not None
