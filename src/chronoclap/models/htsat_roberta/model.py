"""HTSAT and RoBERTa, as transformers' ClapModel has them."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Self

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import ClapModel

from chronoclap.audio import FillPolicy, LogMel, fill
from chronoclap.models.htsat_roberta.fast import Chosen, choose_towers
from chronoclap.models.htsat_roberta.policy import AudioPolicy, round_to_int16

MAX_LOGIT_SCALE = 100.0


class HtsatRoberta(nn.Module):
    """Waveforms and texts to unit vectors of one space.

    Args:
        clap: transformers' model: towers, projections and scales. Its own loss is never used (it takes
            the direction from text to audio twice).
        tokenizer: pads to the longest of a batch and cuts where the checkpoint says.
        policy: how recordings become its input.
    """

    architecture = "htsat-roberta"
    features_dtype = torch.float32
    """What features are kept in while a model trains."""

    def __init__(self, clap: ClapModel, tokenizer: Tokenizer, policy: AudioPolicy) -> None:
        super().__init__()
        self.clap = clap
        self.tokenizer = tokenizer
        self.policy = policy
        self.mel = LogMel(policy.mel)
        self._chosen: Chosen | None = None

    def train(self, mode: bool = True) -> Self:
        """As every module's; weights may move before the next embedding, so fast towers are made anew."""
        self._chosen = None
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()  # what sounds are like on the whole was learned from more than a run hears
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self._chosen = None
        return super()._apply(fn, recurse)

    def towers(self) -> Chosen:
        """What embeds: transformers' towers in training and off the CPU; else whatever is quickest here."""
        plain = Chosen(self.hear, "transformers", self.read, "transformers")
        if self.training or torch.is_grad_enabled() or self.device.type != "cpu":
            return plain
        if self._chosen is None:
            frames = self.mel.frames(round(self.window * self.rate))
            self._chosen = choose_towers(self.clap, self.hear, self.read, (frames, self.policy.mel.n_mels))
        return self._chosen

    @property
    def dim(self) -> int:
        """Width of an embedding."""
        return int(self.clap.config.projection_dim)

    @property
    def rate(self) -> int:
        """Sampling rate of the waveforms, in Hz."""
        return self.policy.mel.rate

    @property
    def window(self) -> float:
        """Seconds that one embedding covers."""
        return self.policy.window

    @property
    def window_hop(self) -> float:
        """Seconds from one window of a longer recording to the next."""
        return self.policy.window_hop

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.clap.logit_scale_a.device

    @property
    def fill(self) -> FillPolicy:
        """What follows a recording shorter than a window."""
        return self.policy.fill

    def scale(self) -> Tensor:
        """The learned factor on cosines, at most 100.

        Of the checkpoints' two scales this is `logit_scale_a`, the one that laion_clap's evaluation uses.
        """
        return self.clap.logit_scale_a.exp().clamp(max=MAX_LOGIT_SCALE)

    def change_policy(self, fill: FillPolicy | None, int16: bool | None) -> None:
        """Fill short recordings otherwise, or round samples or not, from now on."""
        self.policy = replace(
            self.policy,
            fill=self.policy.fill if fill is None else fill,
            int16=self.policy.int16 if int16 is None else int16,
        )

    def copy(self) -> "HtsatRoberta":
        """The same model again, to be changed freely."""
        copied = HtsatRoberta(copy.deepcopy(self.clap), self.tokenizer, self.policy)
        return copied.train(self.training)

    # Sound

    def trunk_features(self, samples: np.ndarray) -> Tensor:
        """What a window of (n,) float32 samples is before the towers hear it: its (frames, mels) log-mel."""
        return self.log_mel(samples)[0]

    def features_shape(self, num_samples: int) -> tuple[int, int]:
        """Shape of `trunk_features`, whatever the number of samples: they are filled to a window."""
        return self.mel.frames(round(self.window * self.rate)), self.policy.mel.n_mels

    def embed_features(self, features: Tensor) -> Tensor:
        """(b, frames, mels) features to (b, dim) unit vectors."""
        return self.project_audio(self.hear(features).mean((1, 2)))

    def trunk_only(self) -> "HtsatRoberta":
        """A light copy for worker processes: enough for `trunk_features`, without the towers."""
        light = object.__new__(HtsatRoberta)
        nn.Module.__init__(light)
        light.policy, light.mel = self.policy, self.mel
        return light

    def log_mel(self, window: np.ndarray) -> Tensor:
        """One window of (n,) float32 samples to (1, frames, mels)."""
        samples = round_to_int16(window) if self.policy.int16 else window
        filled = fill(samples, round(self.window * self.rate), self.policy.fill)
        return self.mel(torch.from_numpy(filled)[None].to(self.mel.window.device))

    def hear(self, mel: Tensor) -> Tensor:
        """(b, frames, mels) log-mel to HTSAT's last map, by frequency and time: (b, 2, parts, hidden)."""
        channels = mel[:, None]
        longer = None
        if self.clap.config.audio_config.enable_fusion:
            # Windows are never longer than a window: the fusion of crops is not used, as for short sounds.
            channels = channels.expand(-1, 4, -1, -1)
            longer = torch.zeros(len(mel), 1, dtype=torch.bool, device=mel.device)
        out = self.clap.audio_model(channels, is_longer=longer)
        return out.last_hidden_state.permute(0, 2, 3, 1)

    def project_audio(self, hidden: Tensor) -> Tensor:
        """(..., hidden) of HTSAT to (..., dim) unit vectors."""
        return F.normalize(self.clap.audio_projection(hidden), dim=-1)

    def encode_windows(self, windows: Sequence[np.ndarray]) -> Tensor:
        """Windows of at most `window` seconds to (b, dim) unit vectors."""
        # On a CPU one window at a time is quicker than a batch, whose activations leave the cache.
        mels = torch.cat([self.log_mel(window) for window in windows])
        hear, parts = self.towers().hear, mels.split(1 if mels.device.type == "cpu" else len(mels))
        return torch.cat([self.project_audio(hear(mel).mean((1, 2))) for mel in parts])

    def encode_moments(self, samples: np.ndarray) -> tuple[Tensor, np.ndarray]:
        """A recording of any length to (m, dim) unit vectors of the columns of HTSAT's map, each as heard
        among its surroundings, and where each begins and ends: (m, 2), in samples."""
        length = round(self.window * self.rate)
        vectors, bounds = [], []
        for first in range(0, max(len(samples), 1), length):
            hidden = self.towers().hear(self.log_mel(samples[first : first + length]))[0].mean(0)
            edges = first + np.linspace(0, length, len(hidden) + 1)
            heard = edges[:-1] < max(len(samples), 1)
            vectors.append(self.project_audio(hidden)[torch.from_numpy(heard).to(hidden.device)])
            bounds.append(np.stack([edges[:-1], edges[1:]], axis=1)[heard])
        return torch.cat(vectors), np.concatenate(bounds)

    # Text

    def read(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(b, t) token ids and mask to (b, hidden): what RoBERTa's pooler makes of the first token."""
        return self.clap.text_model(input_ids=ids, attention_mask=mask).pooler_output

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Texts to (b, dim) unit vectors; they are padded to the longest of them, not to a fixed length."""
        encoded = self.tokenizer.encode_batch(list(texts))
        ids = torch.tensor([e.ids for e in encoded], device=self.device)
        mask = torch.tensor([e.attention_mask for e in encoded], device=self.device)
        return F.normalize(self.clap.text_projection(self.towers().read(ids, mask)), dim=-1)
