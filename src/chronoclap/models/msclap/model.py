"""Microsoft's CLAP: a Cnn14 and a BERT (2022), or an HTSAT and a GPT-2 (2023)."""

import copy
from collections.abc import Collection, Sequence
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import BertConfig, BertModel, ClapAudioConfig, ClapAudioModel, GPT2Config, GPT2Model

from chronoclap.models.msclap.cnn14 import Cnn14
from chronoclap.models.policy import AudioPolicy
from chronoclap.models.windowed import WindowedModel


class Projection(nn.Module):
    """From a tower's width to the common one: a linear step, and a correction to it."""

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(width, dim, bias=False)
        self.linear2 = nn.Linear(dim, dim, bias=False)
        self.layer_norm = nn.LayerNorm(dim)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) to (..., dim)."""
        first = self.linear1(x)
        return self.layer_norm(first + self.drop(self.linear2(F.gelu(first))))


class MsClap(WindowedModel):
    """Waveforms and texts to unit vectors of one space.

    Args:
        config: `audio` and `text`, settings of the towers, each with its `kind`: "cnn14" or "htsat", "bert"
            or "gpt2"; and `dim`.
        tokenizer, policy: see `WindowedModel`.
    """

    architecture = "msclap"

    def __init__(self, config: dict[str, Any], tokenizer: Tokenizer, policy: AudioPolicy) -> None:
        super().__init__(policy, tokenizer)
        self.config = config
        audio, text = dict(config["audio"]), dict(config["text"])
        self.cnn14 = self.htsat = self.bert = self.gpt2 = None
        self.any_length = audio["kind"] == "cnn14"
        if audio.pop("kind") == "cnn14":
            audio["widths"] = tuple(audio["widths"])
            self.cnn14 = Cnn14(**audio)
            width = audio["out"]
        else:
            self.htsat = ClapAudioModel(ClapAudioConfig(**audio))
            width = audio["hidden_size"]
        if text.pop("kind") == "bert":
            self.bert = BertModel(BertConfig(**text))
            hidden = text["hidden_size"]
        else:
            self.gpt2 = GPT2Model(GPT2Config(**text))
            hidden = text["n_embd"]
        self.audio_projection = Projection(width, config["dim"])
        self.text_projection = Projection(hidden, config["dim"])
        self.logit_scale = nn.Parameter(torch.zeros(()))

    @property
    def dim(self) -> int:
        """Width of an embedding."""
        return int(self.config["dim"])

    def log_scale(self) -> Tensor:
        """The logarithm of the factor on cosines."""
        return self.logit_scale

    def tower_layers(self) -> list[nn.Module]:
        """The blocks of the 2022 checkpoint's Cnn14, and BERT's layers; the other is not trained."""
        return [*getattr(self.cnn14, "blocks", ()), *(self.bert.encoder.layer if self.bert else ())]

    # Sound

    def hear(self, mel: Tensor) -> Tensor:
        """(b, frames, mels) log-mel to (b, parts, hidden)."""
        if self.cnn14 is not None:
            return self.cnn14(mel)
        assert self.htsat is not None
        return self.htsat(mel[:, None]).last_hidden_state.mean(2).transpose(1, 2)

    def frozen_ear(self, trained: Collection[str]) -> nn.Module | None:
        """Cnn14's convolutions, if none of their weights moves."""
        if self.cnn14 is None or any(name.startswith(("cnn14.bn0.", "cnn14.blocks.")) for name in trained):
            return None
        return copy.deepcopy(self.cnn14).eval()

    def pool(self, heard: Tensor) -> Tensor:
        """(b, parts, hidden) to (b, width)."""
        return heard.mean(1) if self.cnn14 is None else self.cnn14.pool(heard)

    def columns(self, heard: Tensor) -> Tensor:
        """(1, parts, hidden) to (parts, width)."""
        return heard[0] if self.cnn14 is None else self.cnn14.columns(heard)[0]

    def project_audio(self, hidden: Tensor) -> Tensor:
        """(..., width) to (..., dim)."""
        return self.audio_projection(hidden)

    # Text

    def encode_tokens(self, texts: Sequence[str]) -> Tensor:
        """Texts to (b, dim) vectors."""
        if self.gpt2 is not None:
            texts = [f"{text} <|endoftext|>" for text in texts]  # as msclap asks it
        ids, mask = self.tokens(texts)
        return self.text_projection(self.read(ids, mask))

    def read(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(b, t) token ids and mask to (b, hidden): of BERT's first token, or of GPT-2's last."""
        if self.bert is not None:
            return self.bert(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0]
        assert self.gpt2 is not None
        states = self.gpt2(input_ids=ids, attention_mask=mask).last_hidden_state
        return states[torch.arange(len(ids), device=ids.device), mask.sum(1) - 1]
