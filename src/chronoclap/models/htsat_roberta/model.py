"""HTSAT and RoBERTa, as transformers' ClapModel has them."""

from collections.abc import Callable, Sequence
from typing import Self

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import ClapModel

from chronoclap.models.compute import Compute
from chronoclap.models.htsat_roberta.fast import Chosen, choose_towers
from chronoclap.models.policy import AudioPolicy
from chronoclap.models.windowed import WindowedModel


class HtsatRoberta(WindowedModel):
    """Waveforms and texts to unit vectors of one space.

    Args:
        clap: transformers' model: towers, projections and scales. Its own loss is never used (it takes
            the direction from text to audio twice).
        tokenizer, policy: see `WindowedModel`.
    """

    architecture = "htsat-roberta"

    def __init__(self, clap: ClapModel, tokenizer: Tokenizer, policy: AudioPolicy) -> None:
        super().__init__(policy, tokenizer)
        self.clap = clap
        self.compute = Compute()
        self._chosen: Chosen | None = None

    def compute_with(self, compute: Compute) -> None:
        """Embed so from now on, see `Compute`."""
        self.compute = compute
        self._chosen = None

    def train(self, mode: bool = True) -> Self:
        """As `WindowedModel`'s; weights may move before the next embedding, so fast towers are made anew."""
        self._chosen = None
        return super().train(mode)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self._chosen = None
        return super()._apply(fn, recurse)

    def copy(self) -> Self:
        """The same model again, to be changed freely."""
        self._chosen = None  # it need not be copied
        return super().copy()

    def towers(self) -> Chosen:
        """What embeds: transformers' towers in training and off the CPU; else the best for this machine."""
        if self.training or torch.is_grad_enabled() or self.device.type != "cpu":
            return Chosen(self.plain_hear, "transformers", self.plain_read, "transformers")
        if self._chosen is None:
            shape = self.features_shape(0)
            self._chosen = choose_towers(self.clap, self.plain_hear, self.plain_read, shape, self.compute)
        return self._chosen

    @property
    def dim(self) -> int:
        """Width of an embedding."""
        return int(self.clap.config.projection_dim)

    def log_scale(self) -> Tensor:
        """Of the checkpoints' two scales `logit_scale_a`, the one that laion_clap's evaluation uses."""
        return self.clap.logit_scale_a

    # Sound

    def hear(self, mel: Tensor) -> Tensor:
        """(b, frames, mels) log-mel to HTSAT's last map, by frequency and time: (b, 2, parts, hidden)."""
        return self.towers().hear(mel)

    def plain_hear(self, mel: Tensor) -> Tensor:
        """The same by transformers' own tower."""
        channels = mel[:, None]
        longer = None
        if self.clap.config.audio_config.enable_fusion:
            # Windows are never longer than a window: the fusion of crops is not used, as for short sounds.
            channels = channels.expand(-1, 4, -1, -1)
            longer = torch.zeros(len(mel), 1, dtype=torch.bool, device=mel.device)
        out = self.clap.audio_model(channels, is_longer=longer)
        return out.last_hidden_state.permute(0, 2, 3, 1)

    def pool(self, heard: Tensor) -> Tensor:
        """(b, 2, parts, hidden) to (b, hidden)."""
        return heard.mean((1, 2))

    def columns(self, heard: Tensor) -> Tensor:
        """(1, 2, parts, hidden) to (parts, hidden)."""
        return heard[0].mean(0)

    def project_audio(self, hidden: Tensor) -> Tensor:
        """(..., hidden) to (..., dim)."""
        return self.clap.audio_projection(hidden)

    # Text

    def plain_read(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(b, t) token ids and mask to (b, hidden): what RoBERTa's pooler makes of the first token."""
        return self.clap.text_model(input_ids=ids, attention_mask=mask).pooler_output

    def encode_tokens(self, texts: Sequence[str]) -> Tensor:
        """Texts to (b, dim) vectors."""
        return self.clap.text_projection(self.towers().read(*self.tokens(texts)))
