"""Oracle halves: what a model that cannot tell order would get if it were told where the sounds part.

The true boundary is given away: each piece is embedded alone, and each phrase alone; a sound fits a text as
well as its first half fits the first phrase plus its second half the second. No order needs to be known, only
what the sounds are, so this is a bound on what recognition allows, and the room between a model and it is
binding.
"""

from collections.abc import Sequence

import numpy as np

from chronoclap.audio import Waveform
from chronoclap.evaluation.embedder import Embedder, embed_sounds, embed_texts
from chronoclap.evaluation.items import Pair
from chronoclap.evaluation.metrics import pair_similarity
from chronoclap.evaluation.recordings import piece
from chronoclap.evaluation.rows import Row, distinct
from chronoclap.evaluation.t_classify import grouping, score
from chronoclap.evaluation.zero_shot import PROMPT
from chronoclap.scenes.sounds import Sounds

ORACLE = "oracle-halves"


def additive_similarity(halves: np.ndarray, phrases: np.ndarray) -> np.ndarray:
    """Score each order of a pair as the sum of its two halves.

    Args:
        halves: (pairs, 2, dim) embeddings of A alone and B alone.
        phrases: (pairs, 2, dim) embeddings of their phrases.

    Returns:
        (pairs, 2, 2) float32 as `pair_scores` wants it: s(A, a) + s(B, b) where sound and text agree, s(A, b)
        + s(B, a) where they do not. The four choices of a pair are thus one choice.
    """
    alone = pair_similarity(halves, phrases)
    straight, crossed = alone[:, 0, 0] + alone[:, 1, 1], alone[:, 0, 1] + alone[:, 1, 0]
    return np.stack([straight, crossed, crossed, straight], axis=1).reshape(-1, 2, 2)


def evaluate(
    base: Embedder, pairs: Sequence[Pair], sounds: Sounds, *, seed: int = 0, progress: bool = False
) -> list[Row]:
    """Measure T-Classify with the exact halves given.

    Args:
        base: the model that embeds the halves and phrases, usually the one that training began with.
        pairs: the pairs, at least one.
        sounds: where the recordings come from.
        seed: of the bootstrap over sources.
        progress: show the model's progress bar.

    Returns:
        The rows of `t_classify.evaluate`, the model named "oracle-halves".
    """
    events = distinct(event for pair in pairs for event in (pair.first, pair.second))
    row = {event: index for index, event in enumerate(events)}
    stream = (Waveform(piece(event, sounds), sounds.rate) for event in events)
    alone = embed_sounds(base, stream, len(events), progress=progress)
    named = embed_texts(base, [PROMPT.format(event.phrase) for event in events])
    of_pairs = np.array([[row[pair.first], row[pair.second]] for pair in pairs])
    return score(ORACLE, additive_similarity(alone[of_pairs], named[of_pairs]), grouping(pairs, seed=seed))
