"""HTSAT and RoBERTa, as transformers' ClapModel has them."""

import copy
from collections.abc import Callable, Collection, Sequence
from typing import Self

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import ClapModel
from transformers.models.clap.modeling_clap import ClapAudioEncoder

from chronoclap.models.compute import Compute
from chronoclap.models.htsat_roberta.fast import PLAIN, Chosen, choose_towers
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

    def set_up(self) -> None:
        """Choose the towers that embed."""
        self.towers()

    def towers(self) -> Chosen:
        """What embeds: transformers' towers in training and off the CPU; else the best for this machine."""
        if self.training or torch.is_grad_enabled() or self.device.type != "cpu":
            return Chosen(self.plain_hear, PLAIN, self.plain_read, PLAIN)
        if self._chosen is None:
            plain = self.plain_hear, self.plain_read
            self._chosen = choose_towers(self.clap, *plain, self.mel_shape, self.compute)
        return self._chosen

    @property
    def dim(self) -> int:
        """Width of an embedding."""
        return int(self.clap.config.projection_dim)

    def log_scale(self) -> Tensor:
        """Of the checkpoints' two scales `logit_scale_a`, the one that laion_clap's evaluation uses."""
        return self.clap.logit_scale_a

    def tower_layers(self) -> list[nn.Module]:
        """The layers of HTSAT's stages, and those of RoBERTa."""
        stages = self.clap.audio_model.audio_encoder.layers
        return [*(block for stage in stages for block in stage.blocks), *self.clap.text_model.encoder.layer]

    # Sound

    def hear(self, mel: Tensor) -> Tensor:
        """(b, frames, mels) log-mel to HTSAT's last map, by frequency and time: (b, 2, parts, hidden)."""
        return self.towers().hear(mel)

    def plain_hear(self, mel: Tensor) -> Tensor:
        """The same by transformers' own tower."""
        fused = self.clap.config.audio_config.enable_fusion
        longer = torch.zeros(len(mel), 1, dtype=torch.bool, device=mel.device) if fused else None
        out = self.clap.audio_model(channels(mel, fused), is_longer=longer)
        return out.last_hidden_state.permute(0, 2, 3, 1)

    def frozen_ear(self, trained: Collection[str]) -> nn.Module | None:
        """HTSAT's first stages, if none of their weights moves."""
        name = "clap.audio_model.audio_encoder."
        moving = {weight.removeprefix(name) for weight in trained if weight.startswith(name)}
        if any(weight.startswith(("patch_embed.", "batch_norm.")) for weight in moving):
            return None
        count = min(
            (int(weight.split(".")[1]) for weight in moving if weight.startswith("layers.")),
            default=len(self.clap.audio_model.audio_encoder.layers),
        )
        return FirstStages(self.clap.audio_model.audio_encoder, count).eval() if count else None

    def hear_on(self, features: Tensor) -> Tensor:
        """(b, tokens, width) of some stage to HTSAT's last map, as `hear` gives it."""
        assert isinstance(self.ear, FirstStages)
        encoder = self.clap.audio_model.audio_encoder
        for number in range(self.ear.count, len(encoder.layers)):
            features = encoder.layers[number](features, encoder.input_resolutions[number])[0]
        features = encoder.norm(features)
        # Stretches of time were stacked over frequency, to a square.
        ratio, (_, side) = encoder.freq_ratio, encoder.input_resolutions[-1]
        stacked = features.unflatten(1, (ratio, -1, side))
        return stacked.transpose(1, 2).flatten(2, 3)

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


class FirstStages(nn.Module):
    """A copy of HTSAT's first stages: (b, frames, mels) log-mel to (b, tokens, width).

    Args:
        encoder: the whole.
        count: of stages, at least 1.
    """

    def __init__(self, encoder: ClapAudioEncoder, count: int) -> None:
        super().__init__()
        self.count = count
        self.encoder = copy.deepcopy(encoder).requires_grad_(False)
        self.encoder.layers = self.encoder.layers[:count]

    def forward(self, mel: Tensor) -> Tensor:
        encoder = self.encoder
        scaled = encoder.batch_norm(channels(mel, encoder.enable_fusion).transpose(1, 3)).transpose(1, 3)
        none = torch.zeros(0, dtype=torch.long, device=mel.device)
        hidden = encoder.patch_embed(encoder.reshape_mel2img(scaled), none)
        for stage, size in zip(encoder.layers, encoder.input_resolutions, strict=False):
            hidden = stage(hidden, size)[0]
        return hidden


def channels(mel: Tensor, fused: bool) -> Tensor:
    """(b, frames, mels) log-mel to the (b, 1 or 4, frames, mels) that transformers' tower takes.

    Windows are never longer than a window: the fusion of crops is not used, as for short sounds.
    """
    return mel[:, None].expand(-1, 4, -1, -1) if fused else mel[:, None]
