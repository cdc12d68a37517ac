"""The compact model: two towers, the gains of the moments, and one scale."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F

from chronoclap.audio import FillPolicy, LogMel, fill
from chronoclap.errors import ModelError
from chronoclap.models.compact.audio_tower import AudioTower
from chronoclap.models.compact.config import CompactConfig
from chronoclap.models.compact.events import first_gains
from chronoclap.models.compact.text_tower import Reading, TextTower
from chronoclap.models.compute import Compute

MAX_LOGIT_SCALE = 100.0


class CompactModel(nn.Module):
    """Waveforms and texts to unit vectors of one space.

    `trunk_features` and the text encoder are frozen in every recipe; everything else may train.
    """

    architecture = "compact"
    features_dtype = torch.float16
    """What features are kept in while a model trains: exact enough for a frozen trunk."""

    def __init__(self, config: CompactConfig, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = tokenizer
        self.mel = LogMel(config.audio.mel)
        self.audio = AudioTower(config)
        self.text = TextTower(config)
        self.gains = nn.Parameter(first_gains(config.events.moments))
        self.log_scale = nn.Parameter(torch.tensor(20.0).log())

    @property
    def dim(self) -> int:
        """Width of an embedding."""
        return self.config.dim * self.config.events.moments

    @property
    def rate(self) -> int:
        """Sampling rate of the waveforms, in Hz."""
        return self.config.audio.mel.rate

    @property
    def window(self) -> float:
        """Seconds that one embedding covers."""
        return self.config.window

    @property
    def window_hop(self) -> float:
        """Seconds from one window of a longer recording to the next."""
        return self.config.window_hop

    @property
    def fill(self) -> FillPolicy:
        """What follows a recording, to the end of its last patch."""
        return "silence"

    def scale(self) -> Tensor:
        """The learned factor on cosines, at most 100."""
        return self.log_scale.exp().clamp(max=MAX_LOGIT_SCALE)

    def grow(self, moments: int) -> "CompactModel":
        """The same model with more moments: content is copied, what finds events starts fresh.

        Args:
            moments: at least the present number.

        Returns:
            A new model on the CPU; draw its fresh weights under your own seed.
        """
        config = replace(self.config, events=replace(self.config.events, moments=moments))
        grown = CompactModel(config, self.tokenizer)
        kept = self.state_dict()
        if moments != self.config.events.moments:
            del kept["gains"]
        grown.load_state_dict(kept, strict=False)
        return grown.train(self.training)

    def copy(self) -> "CompactModel":
        """The same model again, to be changed freely."""
        return self.grow(self.config.events.moments)

    # Sound

    @property
    def patch_samples(self) -> tuple[int, int, int]:
        """Length of a patch, distance from one to the next, and silence at either edge, in samples."""
        audio = self.config.audio
        size = (audio.patch - 1) * audio.mel.hop_length + audio.mel.window_length
        return size, audio.patch_hop * audio.mel.hop_length, audio.edge * audio.mel.hop_length

    def num_patches(self, num_samples: int) -> int:
        """How many patches cover that many samples and the silence at their edges: at least one."""
        size, hop, edge = self.patch_samples
        return max(0, -(-(num_samples + 2 * edge - size) // hop)) + 1

    def on_grid(self, samples: np.ndarray) -> np.ndarray:
        """(n,) samples with silence at the edges, to the full length of the patches that cover them."""
        size, hop, edge = self.patch_samples
        led = np.concatenate([np.zeros(edge, np.float32), samples])
        return fill(led, size + hop * (self.num_patches(len(samples)) - 1), "silence")

    def features_shape(self, num_samples: int) -> tuple[int, int]:
        """Shape of `trunk_features` of that many samples."""
        return self.num_patches(num_samples), self.config.audio.trunk_dim

    @torch.no_grad()
    def grid_features(self, samples: np.ndarray) -> Tensor:
        """Samples as `on_grid` gives them, or a part of whole patches, to (patches, trunk_dim)."""
        return self.audio.features(self.mel(torch.from_numpy(samples)[None].to(self.device)))[0]

    def trunk_features(self, samples: np.ndarray) -> Tensor:
        """One window of (n,) float32 samples at `rate` to its (patches, trunk_dim) frozen features."""
        return self.grid_features(self.on_grid(samples))

    def embed_features(self, features: Tensor, mask: Tensor | None = None) -> Tensor:
        """(b, p, trunk_dim) features with (b, p) mask of those in use to (b, dim) unit vectors."""
        if mask is None:
            mask = torch.ones(features.shape[:2], dtype=torch.bool, device=features.device)
        return self.unit(self.audio.pool(features, mask))

    def encode_windows(self, windows: Sequence[np.ndarray]) -> Tensor:
        """Windows of at most `config.window` seconds to (b, dim) unit vectors."""
        return self.embed_features(*stack_features([self.trunk_features(window) for window in windows]))

    def encode_patches(self, samples: np.ndarray) -> Tensor:
        """Samples on the grid to one unit vector a patch, (p, dim): each embedded as an event of its own."""
        features = self.grid_features(samples)
        return self.embed_features(features[:, None])

    def change_policy(self, fill: FillPolicy | None, int16: bool | None) -> None:
        """Refused, see `load`."""
        raise ModelError("A compact model hears recordings of any length as they are: no fill, no int16.")

    def set_up(self) -> None:
        """Try the quick trunk."""
        if self.audio.trunk.may_be_quick():
            self.audio.trunk.quick()

    def compute_with(self, compute: Compute) -> None:
        """Hear so from now on, see `Compute`; texts are read in float32."""
        if compute.engine != "torch":
            raise ModelError("A compact model is computed by torch; see also `chronoclap export onnx`.")
        self.audio.trunk.multiply_in(compute.precision)

    def encode_moments(self, samples: np.ndarray) -> tuple[Tensor, np.ndarray]:
        """A recording of any length to (p, dim) unit vectors, one a patch, and where each begins and ends:
        (p, 2), in samples."""
        size, hop, edge = self.patch_samples
        grid = self.on_grid(samples)
        begins = np.arange(self.num_patches(len(samples))) * hop - edge
        begins = begins[begins < len(samples)]
        block = max(1, round(self.window * self.rate) // hop)
        vectors = []
        for first in range(0, len(begins), block):
            last = min(first + block, len(begins)) - 1
            vectors.append(self.encode_patches(grid[first * hop : last * hop + size]))
        return torch.cat(vectors), np.stack([begins, begins + size], axis=1)

    # Text

    def tokens(self, texts: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
        """Texts to (b, t) token ids, mask and marks of special tokens, padded to the longest."""
        encoded = self.tokenizer.encode_batch(list(texts))
        ids = torch.tensor([e.ids for e in encoded], device=self.device)
        mask = torch.tensor([e.attention_mask for e in encoded], dtype=torch.bool, device=self.device)
        special = torch.tensor([e.special_tokens_mask for e in encoded], dtype=torch.bool, device=self.device)
        return ids, mask, special & mask

    def encode_texts(
        self, texts: Sequence[str], states: Tensor | None = None, reading: Reading | None = None
    ) -> Tensor:
        """Texts to (b, dim) unit vectors.

        Args:
            texts: b texts.
            states: (b, t, hidden) encoder states, if already known.
            reading: what the tower reads of them, if already known.
        """
        return self.unit(self.text(*self.tokens(texts), states, reading))

    def unit(self, moments: Tensor) -> Tensor:
        """(b, moments, dim) moments, scaled by their gains, to (b, moments * dim) unit vectors."""
        gains = torch.cat([torch.ones(1, device=moments.device), self.gains])
        return F.normalize((moments * gains[:, None]).flatten(1), dim=-1)

    def trunk_only(self) -> "CompactModel":
        """A light copy for worker processes: enough for `trunk_features`, without the text encoder."""
        copy = object.__new__(CompactModel)
        nn.Module.__init__(copy)
        copy.config, copy.mel, copy.audio, copy.log_scale = self.config, self.mel, self.audio, self.log_scale
        # Not copy.eval(): the audio tower is shared, and a model in training would lose its dropout.
        return copy

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.log_scale.device


def stack_features(features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """(p_i, d) features of several windows to a zero-padded (b, p, d) batch and its (b, p) bool mask."""
    stacked = nn.utils.rnn.pad_sequence(list(features), batch_first=True)
    lengths = torch.tensor([len(f) for f in features], device=stacked.device)
    return stacked, torch.arange(stacked.shape[1], device=stacked.device) < lengths[:, None]
