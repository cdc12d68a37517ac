"""RoBERTa for embedding on a CPU: only the first token of the last layer is used, so only it is computed."""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import ClapModel

from chronoclap.models.products import Layer, Products, joined


class Block(NamedTuple):
    """One layer of RoBERTa."""

    qkv: Layer
    proj: Layer
    norm1: Layer
    up: Layer
    down: Layer
    norm2: Layer


class FastRoberta:
    """RoBERTa and its pooler, in float32, without gradients.

    Args:
        clap: whose weights are used as they are now; later changes do not show.
        products: how matrix products are computed.
    """

    def __init__(self, clap: ClapModel, products: Products) -> None:
        text = clap.text_model
        self.embeddings = text.embeddings
        self.heads = clap.config.text_config.num_attention_heads
        self.blocks = [_block(layer, products) for layer in text.encoder.layer]
        self.pooler = products.linear(text.pooler.dense.weight, text.pooler.dense.bias)

    def __call__(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(b, t) token ids and mask to (b, hidden)."""
        x = self.embeddings(input_ids=ids)
        hidden = torch.zeros(mask.shape).masked_fill(mask == 0, -torch.inf)[:, None, None]
        for block in self.blocks[:-1]:
            x = self._apply(block, x, x, hidden)
        x = self._apply(self.blocks[-1], x, x[:, :1], hidden)
        return torch.tanh(self.pooler(x[:, 0]))

    def _apply(self, block: Block, x: Tensor, asking: Tensor, hidden: Tensor) -> Tensor:
        """(b, t, dim) tokens to (b, q, dim): what becomes of the first q of them, `asking`."""
        q, k, v = block.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q[:, :, : asking.shape[1]], k, v, attn_mask=hidden)
        x = block.norm1(block.proj(seen.transpose(1, 2).flatten(2)) + asking)
        return block.norm2(block.down(block.up(x)) + x)


def _block(layer: Any, products: Products) -> Block:
    out, up, down = layer.attention.output, layer.intermediate.dense, layer.output
    return Block(
        products.linear(*joined(layer.attention.self)),
        products.linear(out.dense.weight, out.dense.bias),
        out.LayerNorm,
        products.linear(up.weight, up.bias, after="gelu"),
        products.linear(down.dense.weight, down.dense.bias),
        down.LayerNorm,
    )
