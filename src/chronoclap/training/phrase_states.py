"""Encoder states of captions, put together from those of their pieces.

The text encoder is frozen, and it reads each event's words apart from the rest. So what it makes of "a dog
barks" is the same in every caption, and need be computed once: a caption's states are those of its event
phrases and of the words between them, each encoded alone.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from chronoclap.models.compact import CompactModel
from chronoclap.scenes import Caption

_BATCH = 128


class PhraseStates:
    """Remembers encoder states by piece of text.

    Args:
        model: its tokenizer and text encoder are used.
    """

    def __init__(self, model: CompactModel) -> None:
        self.model = model
        self._known: dict[str, Tensor] = {}

    def states(self, captions: Sequence[Caption]) -> list[Tensor]:
        """Of each caption its (t, hidden) encoder states, a row for each of its tokens."""
        pieces = [cut(caption) for caption in captions]
        self._learn(sorted({piece for split in pieces for piece in split} - self._known.keys(), key=len))
        mark = torch.zeros(1, self.model.config.text.hidden)
        limit = self.model.config.text.max_tokens - 2
        return [
            torch.cat([mark, torch.cat([self._known[p] for p in split])[:limit], mark]) for split in pieces
        ]

    @torch.no_grad()
    def _learn(self, pieces: list[str]) -> None:
        text = self.model.text
        for start in range(0, len(pieces), _BATCH):
            batch = pieces[start : start + _BATCH]
            ids, mask, special = self.model.tokens(batch)
            words = mask & ~special
            visible = words[:, None].expand(-1, ids.shape[1], -1).float()
            states = text.states(text.encoder.embed(ids), special, mask, visible)
            for piece, row, kept in zip(batch, states, words, strict=True):
                self._known[piece] = row[kept]


def cut(caption: Caption) -> list[str]:
    """The pieces of a caption in order: the words of each event, and what stands around them."""
    pieces, at = [], 0
    for start, end, _ in sorted(caption.spans):
        pieces += [caption.text[at:start], caption.text[start:end]]
        at = end
    pieces.append(caption.text[at:])
    return [piece.strip() for piece in pieces if piece.strip()]
