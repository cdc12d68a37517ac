"""What models have in common that hear windows of a fixed length: recordings to log-mel, to vectors."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Self

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F

from chronoclap.audio import FillPolicy, LogMel, fill
from chronoclap.errors import ModelError
from chronoclap.models.compute import Compute
from chronoclap.models.policy import AudioPolicy, round_to_int16

MAX_LOGIT_SCALE = 100.0


class WindowedModel(nn.Module, ABC):
    """Waveforms and texts to unit vectors of one space; the architectures say what the towers are.

    Args:
        policy: how recordings become input.
        tokenizer: pads to the longest of a batch and cuts where the checkpoint says.
    """

    architecture: str
    any_length = False
    """Whether the network takes windows of other lengths than it was trained on."""
    features_dtype = torch.float32
    """What features are kept in while a model trains."""
    ear: nn.Module | None = None
    """(b, frames, mels) log-mel to what the frozen first parts of the sound tower make of it, see
    `keep_frozen`."""

    def __init__(self, policy: AudioPolicy, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.policy = policy
        self.tokenizer = tokenizer
        self.mel = LogMel(policy.mel)

    # What an architecture says of itself

    @property
    @abstractmethod
    def dim(self) -> int:
        """Width of an embedding."""

    @abstractmethod
    def log_scale(self) -> Tensor:
        """The logarithm of the factor on cosines."""

    @abstractmethod
    def hear(self, mel: Tensor) -> Tensor:
        """(b, frames, mels) log-mel to a map whose columns follow each other in time."""

    @abstractmethod
    def pool(self, heard: Tensor) -> Tensor:
        """What `hear` gives to (b, width) for `project_audio`."""

    @abstractmethod
    def columns(self, heard: Tensor) -> Tensor:
        """What `hear` gives of one window to (parts, width): each column as if it were all there is."""

    @abstractmethod
    def project_audio(self, hidden: Tensor) -> Tensor:
        """(..., width) to (..., dim), of any length."""

    @abstractmethod
    def encode_tokens(self, texts: Sequence[str]) -> Tensor:
        """Texts to (b, dim) vectors of any length."""

    @abstractmethod
    def tower_layers(self) -> list[nn.Module]:
        """The layers that the towers are stacks of."""

    # What one may say

    def frozen_ear(self, trained: Collection[str]) -> nn.Module | None:
        """A copy, in evaluation mode, of the first parts of the sound tower as far as no weight of theirs is
        among those of the given names; None: there are none, or they cannot be told apart."""
        return None

    def set_up(self) -> None:
        """Make what is made before the first embedding; several threads embed after it."""
        return

    def hear_on(self, features: Tensor) -> Tensor:
        """(b, ...) what `ear` gives to what `hear` gives: the same, unless the ear is only a part of it."""
        return features

    # What follows

    @property
    def rate(self) -> int:
        """Sampling rate of the waveforms, in Hz."""
        return self.policy.rate

    @property
    def window(self) -> float:
        """Seconds that one embedding covers."""
        return self.policy.window

    @property
    def window_hop(self) -> float:
        """Seconds from one window of a longer recording to the next."""
        return self.policy.window_hop

    @property
    def fill(self) -> FillPolicy:
        """What follows a recording shorter than a window."""
        return self.policy.fill

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.mel.window.device

    def scale(self) -> Tensor:
        """The learned factor on cosines, at most 100."""
        return self.log_scale().exp().clamp(max=MAX_LOGIT_SCALE)

    def change_policy(self, fill: FillPolicy | None, int16: bool | None) -> None:
        """Fill short recordings otherwise, or round samples or not, from now on."""
        self.policy = replace(
            self.policy,
            fill=self.policy.fill if fill is None else fill,
            int16=self.policy.int16 if int16 is None else int16,
        )

    def compute_with(self, compute: Compute) -> None:
        """Embed so from now on, where an architecture knows how.

        Raises:
            ModelError: this one does not.
        """
        raise ModelError(f"The architecture {self.architecture!r} is computed by torch in float32 only.")

    def widen(self, seconds: float) -> None:
        """Hear windows of at least so many seconds from now on.

        Raises:
            ModelError: the network takes no more than it hears now.
        """
        if seconds > self.window:
            if not self.any_length:
                raise ModelError(
                    f"This network hears {self.window:g} s at most, and {seconds:g} s are asked."
                )
            self.policy = replace(self.policy, window=seconds, window_hop=seconds / 2)

    def copy(self) -> Self:
        """The same model again, to be changed freely."""
        return copy.deepcopy(self)

    def train(self, mode: bool = True) -> Self:
        """As every module's, but what is frozen has no dropout, and batch norms keep still: what sounds are
        like on the whole was learned from more than a run hears."""
        super().train(mode)
        for module in self.modules():
            frozen = not any(parameter.requires_grad for parameter in module.parameters())
            if isinstance(module, nn.BatchNorm2d) or (frozen and any(True for _ in module.parameters())):
                module.eval()
        return self

    # Sound

    def log_mel(self, window: np.ndarray) -> Tensor:
        """One window of (n,) float32 samples to (1, frames, mels)."""
        samples = round_to_int16(window) if self.policy.int16 else window
        filled = fill(samples, round(self.window * self.rate), self.policy.fill)
        return self.mel(torch.from_numpy(filled)[None].to(self.device))

    @property
    def mel_shape(self) -> tuple[int, int]:
        """(frames, mels) of a window."""
        return self.mel.frames(round(self.window * self.rate)), self.policy.mel.n_mels

    def embed_mel(self, mel: Tensor) -> Tensor:
        """(b, frames, mels) log-mel to (b, dim) unit vectors."""
        return F.normalize(self.project_audio(self.pool(self.hear(mel))), dim=-1)

    # What training asks for

    def keep_frozen(self, trained: Collection[str] | None) -> None:
        """Take for features what the first parts of the sound tower make of a window, as far as a run leaves
        them as they are: they are then computed once a scene. Without dropout, as all that is frozen is.

        Args:
            trained: names of the weights that move; None: features are log-mel again.
        """
        # Not a part of the model: its weights are there already.
        object.__setattr__(self, "ear", None if trained is None else self.frozen_ear(trained))

    @torch.no_grad()
    def trunk_features(self, samples: np.ndarray) -> Tensor:
        """A window of (n,) float32 samples as the trained parts take it: its (frames, mels) log-mel, or what
        the `ear` makes of that."""
        mel = self.log_mel(samples)
        return mel[0] if self.ear is None else self.ear(mel)[0]

    def features_shape(self, num_samples: int) -> tuple[int, ...]:
        """Shape of `trunk_features`, whatever the number of samples: they are filled to a window."""
        if self.ear is None:
            return self.mel_shape
        return tuple(self.trunk_features(np.zeros(1, np.float32)).shape)

    def embed_features(self, features: Tensor) -> Tensor:
        """(b, ...) features to (b, dim) unit vectors."""
        if self.ear is None:
            return self.embed_mel(features)
        return F.normalize(self.project_audio(self.pool(self.hear_on(features))), dim=-1)

    def trunk_only(self) -> Self:
        """A light copy for worker processes: enough for `trunk_features`, without the towers."""
        light = object.__new__(type(self))
        nn.Module.__init__(light)
        light.policy, light.mel = self.policy, self.mel
        object.__setattr__(light, "ear", self.ear)
        return light

    # Sound

    def encode_windows(self, windows: Sequence[np.ndarray]) -> Tensor:
        """Windows of at most `window` seconds to (b, dim) unit vectors."""
        mels = torch.cat([self.log_mel(window) for window in windows])
        # On a CPU one window at a time is quicker than a batch, whose activations leave the cache.
        parts = mels.split(1 if mels.device.type == "cpu" else len(mels))
        return torch.cat([self.embed_mel(mel) for mel in parts])

    def encode_moments(self, samples: np.ndarray) -> tuple[Tensor, np.ndarray]:
        """A recording of any length to (m, dim) unit vectors of the columns of what is heard, each among its
        surroundings, and where each begins and ends: (m, 2), in samples."""
        length = round(self.window * self.rate)
        vectors, bounds = [], []
        for first in range(0, max(len(samples), 1), length):
            hidden = self.columns(self.hear(self.log_mel(samples[first : first + length])))
            edges = first + np.linspace(0, length, len(hidden) + 1)
            heard = edges[:-1] < max(len(samples), 1)
            vectors.append(self.project_audio(hidden)[torch.from_numpy(heard).to(hidden.device)])
            bounds.append(np.stack([edges[:-1], edges[1:]], axis=1)[heard])
        return F.normalize(torch.cat(vectors), dim=-1), np.concatenate(bounds)

    # Text

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Texts to (b, dim) unit vectors; they are padded to the longest of them, not to a fixed length."""
        return F.normalize(self.encode_tokens(texts), dim=-1)

    def tokens(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Texts to (b, t) token ids and mask."""
        encoded = self.tokenizer.encode_batch(list(texts))
        ids = torch.tensor([e.ids for e in encoded], device=self.device)
        return ids, torch.tensor([e.attention_mask for e in encoded], device=self.device)
