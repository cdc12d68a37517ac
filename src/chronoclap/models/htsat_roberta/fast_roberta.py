"""RoBERTa for embedding on a CPU: no text is padded, and of the last layer only the first token is computed,
which is all that is used."""

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
    """RoBERTa and its pooler, without gradients: no text is padded, as each is computed beside those of its
    length.

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
        lengths, order = mask.sum(1).sort(stable=True)
        # The tokens of all texts in one row, the shortest text first: (tokens, dim).
        x = self.embeddings(input_ids=ids[order])[mask[order].bool()]
        like, counts = (found.tolist() for found in lengths.unique_consecutive(return_counts=True))

        def attend(qkv: Tensor, asking: int | None = None) -> Tensor:
            """(tokens, 3 dim) to what the first so many of each text have seen, or all: (asked, dim)."""
            parts = qkv.split([length * count for length, count in zip(like, counts, strict=True)])
            seen = [
                self._attend(part.view(count, length, -1), None, asking).flatten(0, 1)
                for part, length, count in zip(parts, like, counts, strict=True)
            ]
            return torch.cat(seen)

        for block in self.blocks[:-1]:
            x = _finish(block, x, attend(block.qkv(x)))
        last = self.blocks[-1]
        first = lengths.cumsum(0) - lengths
        x = _finish(last, x[first], attend(last.qkv(x), 1))
        return torch.tanh(self.pooler(x))[order.argsort()]

    def padded(self, ids: Tensor, mask: Tensor) -> Tensor:
        """The same with every text as long as the longest: one graph for texts of all lengths, to export."""
        x = self.embeddings(input_ids=ids)
        hidden = torch.zeros(mask.shape).masked_fill(mask == 0, -torch.inf)[:, None, None]
        for block in self.blocks[:-1]:
            x = _finish(block, x, self._attend(block.qkv(x), hidden))
        last = self.blocks[-1]
        x = _finish(last, x[:, :1], self._attend(last.qkv(x), hidden, 1))
        return torch.tanh(self.pooler(x[:, 0]))

    def _attend(self, qkv: Tensor, hidden: Tensor | None, asking: int | None = None) -> Tensor:
        """(b, t, 3 dim) queries, keys and values to (b, asking, dim): what the first so many tokens have
        seen, or all."""
        q, k, v = qkv.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q[:, :, :asking], k, v, attn_mask=hidden)
        return seen.transpose(1, 2).flatten(2)


def _finish(block: Block, x: Tensor, seen: Tensor) -> Tensor:
    """What a layer makes of tokens (..., dim) and what they have seen, of the same shape."""
    # Sums in place: what a product has just written is in the cache.
    x = block.norm1(block.proj(seen).add_(x))
    return block.norm2(block.down(block.up(x)).add_(x))


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
