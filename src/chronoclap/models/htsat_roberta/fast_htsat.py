"""HTSAT for embedding on a CPU: the same arithmetic in another order.

transformers' HTSAT cuts its map into windows and puts it together again around every attention; here tokens
stay in the order of the windows, and are rearranged only where windows shift or the map shrinks. Queries,
keys and values are one product.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import ClapModel

from chronoclap.models.products import Layer, Products, joined


class Block(NamedTuple):
    """One layer of HTSAT."""

    norm1: Layer
    qkv: Layer
    proj: Layer
    norm2: Layer
    up: Layer
    down: Layer
    bias: Tensor
    """(1 or windows, heads, 64, 64): relative positions, and what shifted windows must not see."""
    order: Tensor | None
    """Where shifted windows find their tokens, and None for windows that are not shifted."""
    back: Tensor | None


class Stage(NamedTuple):
    """Layers on a map of one size, and the step to the next."""

    blocks: list[Block]
    merge: Tensor | None
    """(tokens / 4, 4): which tokens become one."""
    norm: Layer | None
    reduce: Layer | None


class FastHtsat:
    """HTSAT in float32, without gradients; on a CPU quickest with one window at a time.

    Args:
        clap: whose weights are used as they are now; later changes do not show.
        products: how matrix products are computed.
    """

    def __init__(self, clap: ClapModel, products: Products) -> None:
        encoder = clap.audio_model.audio_encoder
        self.spec_size, self.ratio = encoder.spec_size, encoder.freq_ratio
        norm = encoder.batch_norm
        self.gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        self.shift = norm.bias - norm.running_mean * self.gain
        self.embed, self.embed_norm = encoder.patch_embed.proj, encoder.patch_embed.norm
        self.norm = encoder.norm
        self.stages: list[Stage] = []
        side, window = encoder.input_resolutions[0][0], clap.config.audio_config.window_size
        self.first = windowed(side, min(side, window))
        for layer in encoder.layers:
            shown = min(side, window)
            order = windowed(side, shown)
            blocks = [
                _block(block, side, shown, window // 2 if k % 2 and side > window else 0, order, products)
                for k, block in enumerate(layer.blocks)
            ]
            if layer.downsample is None:
                self.stages.append(Stage(blocks, None, None, None))
                self.last = order.argsort()
                break
            after = windowed(side // 2, min(side // 2, window))
            merge = order.argsort()[quads(side)][after]
            reduction = layer.downsample.reduction
            reduce = products.linear(reduction.weight, reduction.bias)
            self.stages.append(Stage(blocks, merge, layer.downsample.norm, reduce))
            side //= 2
        self.side = side

    def __call__(self, mel: Tensor) -> Tensor:
        """(b, frames, mels) log-mel to (b, 2, parts, hidden), the last map by frequency and time."""
        scaled = (mel * self.gain + self.shift)[:, None]
        frames = self.spec_size * self.ratio
        if scaled.shape[2] < frames:
            scaled = F.interpolate(scaled, (frames, scaled.shape[3]), mode="bicubic", align_corners=True)
        # Stretches of time are stacked over frequency, to a square.
        image = (
            scaled.reshape(mel.shape[0], self.ratio, self.spec_size, -1)
            .transpose(2, 3)
            .reshape(mel.shape[0], 1, self.spec_size, -1)
        )
        x = self.embed_norm(self.embed(image).flatten(2).transpose(1, 2)).index_select(1, self.first)
        for stage in self.stages:
            for block in stage.blocks:
                x = _apply(block, x)
            if stage.merge is not None and stage.norm is not None and stage.reduce is not None:
                x = stage.reduce(
                    stage.norm(x.index_select(1, stage.merge.flatten()).unflatten(1, (-1, 4)).flatten(2))
                )
        x = self.norm(x).index_select(1, self.last)
        rows = self.side // self.ratio
        return (
            x.view(mel.shape[0], self.ratio, rows, self.side, -1)
            .transpose(1, 2)
            .reshape(mel.shape[0], rows, self.ratio * self.side, -1)
        )


def _apply(block: Block, x: Tensor) -> Tensor:
    """(b, tokens, dim) to the same."""
    normed = block.norm1(x)
    if block.order is not None:
        normed = normed.index_select(1, block.order)
    windows, heads, size, _ = block.bias.shape
    # Windows of all maps in one row: what a window must not see depends on its place in its own.
    bias = block.bias if windows == 1 else block.bias.expand(x.shape[0], -1, -1, -1, -1).flatten(0, 1)
    qkv = block.qkv(normed).view(-1, size, 3, heads, x.shape[2] // heads).permute(2, 0, 3, 1, 4)
    seen = F.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], attn_mask=bias)
    out = block.proj(seen.transpose(1, 2).reshape(x.shape))
    if block.back is not None:
        out = out.index_select(1, block.back)
    # Sums in place: what a product has just written is in the cache, a new map is not.
    x = out.add_(x)
    return block.down(block.up(block.norm2(x))).add_(x)


def _block(layer: Any, side: int, window: int, shift: int, order: Tensor, products: Products) -> Block:
    attention, size = layer.attention.self, window * window
    table = attention.relative_position_bias_table[attention.relative_position_index.view(-1)]
    bias = table.view(1, size, size, -1).permute(0, 3, 1, 2)
    moved = back = None
    if shift:
        shifted = windowed(side, window, shift)
        moved = order.argsort()[shifted]
        back = moved.argsort()
        # Windows over the rim hold what is not side by side: its parts do not see each other.
        row, column = torch.div(shifted, side, rounding_mode="floor"), shifted % side
        wrapped = ((row < shift).long() * 2 + (column < shift).long()).view(-1, size)
        rim = torch.zeros(len(wrapped), 1, size, size).masked_fill(
            (wrapped[:, :, None] != wrapped[:, None])[:, None], -100.0
        )
        bias = bias + rim
    out, up, down = layer.attention.output.dense, layer.intermediate.dense, layer.output.dense
    return Block(
        layer.layernorm_before,
        products.linear(*joined(attention)),
        products.linear(out.weight, out.bias),
        layer.layernorm_after,
        products.linear(up.weight, up.bias, after="gelu"),
        products.linear(down.weight, down.bias),
        bias.contiguous(),
        moved,
        back,
    )


def windowed(side: int, window: int, shift: int = 0) -> Tensor:
    """Tokens of a square map in the order of its windows: (side * side,) row-major indices.

    Args:
        side, window: of the map and of its windows.
        shift: windows begin so far down and right, and those at the rim go on at the other side.
    """
    grid = torch.arange(side * side).view(side, side).roll((-shift, -shift), (0, 1))
    count = side // window
    return grid.view(count, window, count, window).transpose(1, 2).reshape(-1)


def quads(side: int) -> Tensor:
    """(side * side / 4, 4): the indices of each square of four tokens, in the order that HTSAT joins them."""
    grid = torch.arange(side * side).view(side, side)
    return torch.stack([grid[row::2, column::2].reshape(-1) for column in (0, 1) for row in (0, 1)], dim=1)
