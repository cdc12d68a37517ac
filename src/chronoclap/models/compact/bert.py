"""The MiniLM encoder: BERT's layers over token ids, with a free choice of which token sees which."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chronoclap.models.compact.config import TextConfig


class Layer(nn.Module):
    """One post-norm transformer layer."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv = nn.Linear(config.hidden, 3 * config.hidden)
        self.attended = nn.Linear(config.hidden, config.hidden)
        self.attention_norm = nn.LayerNorm(config.hidden, config.layer_norm_eps)
        self.up = nn.Linear(config.hidden, config.intermediate)
        self.down = nn.Linear(config.intermediate, config.hidden)
        self.norm = nn.LayerNorm(config.hidden, config.layer_norm_eps)

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        b, t, d = hidden.shape
        q, k, v = self.qkv(hidden).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias[:, None])
        hidden = self.attention_norm(hidden + self.attended(mixed.transpose(1, 2).reshape(b, t, d)))
        return self.norm(hidden + self.down(F.gelu(self.up(hidden))))


class Encoder(nn.Module):
    """Token ids to hidden states (all-MiniLM-L6-v2 in the shipped checkpoints)."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.words = nn.Embedding(config.vocab_size, config.hidden)
        self.positions = nn.Embedding(512, config.hidden)
        self.segment = nn.Parameter(torch.zeros(config.hidden))
        self.norm = nn.LayerNorm(config.hidden, config.layer_norm_eps)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))

    def embed(self, ids: Tensor) -> Tensor:
        """(b, t) token ids to (b, t, hidden) context-free states."""
        return self.norm(self.words(ids) + self.positions.weight[: ids.shape[1]] + self.segment)

    def forward(self, embedded: Tensor, bias: Tensor) -> Tensor:
        """(b, t, hidden) from `embed` and (b, t, t) additive attention bias to (b, t, hidden)."""
        for layer in self.layers:
            embedded = layer(embedded, bias)
        return embedded
