"""T-Classify: two sounds in a row: which text has them in that order, and which sound fits a text?

T-CLAP (Yuan et al., arXiv 2404.17806) reports this test, but its list, size and templates are not public.
What follows is therefore a *reading* of it, fixed here:

- a pair is two recordings of different classes, A and B, each cut to its active span and that to 5 s at most;
- the sounds are the plain concatenations [A; B] and [B; A], levels unmodified, nothing between or across;
- the texts are "A followed by B" and "B followed by A", from the bare phrases;
- `audio_to_text`: for each sound choose between the texts (two choices a pair); `text_to_audio`: for each
  text choose between the sounds (two choices a pair); `joint`: all four right. A tie is wrong.

Chance is that of similarities drawn at random: 1/2, 1/2 and, for `joint`, 1/6. Four coins would all be right
once in 16; but the four choices share four similarities, and both true ones are above both false ones in 4
orders of 24. It is what CompA calls group. A model whose score is a sum over halves (the oracle) makes one
choice of the four, all right in 1 pair of 2: compare joint numbers between models of one kind.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from chronoclap.audio import Waveform
from chronoclap.evaluation.embedder import Embedder, embed_sounds, embed_texts
from chronoclap.evaluation.items import PAIR_SLICES, Pair
from chronoclap.evaluation.metrics import pair_scores, pair_similarity
from chronoclap.evaluation.recordings import piece
from chronoclap.evaluation.rows import ALL, Grouping, Row
from chronoclap.scenes.sounds import Sounds

TASK = "t_classify"
TEMPLATE = "{} followed by {}"
CHANCE = {"audio_to_text": 1 / 2, "text_to_audio": 1 / 2, "joint": 1 / 6}


def pair_texts(pair: Pair, template: str = TEMPLATE) -> tuple[str, str]:
    """Word both orders of a pair.

    Args:
        pair: the pair.
        template: two holes, the first for the operand that is named first.

    Returns:
        The text that names the first event first, and the one that names it last.
    """
    a, b = pair.first.phrase, pair.second.phrase
    return template.format(a, b), template.format(b, a)


def pair_sounds(pairs: Sequence[Pair], sounds: Sounds) -> Iterator[Waveform]:
    """Make the two sounds of each pair, one at a time.

    Args:
        pairs: the pairs.
        sounds: where the recordings come from.

    Yields:
        [A; B] and [B; A] of the first pair, then of the next.
    """
    for pair in pairs:
        a, b = piece(pair.first, sounds), piece(pair.second, sounds)
        yield Waveform(np.concatenate([a, b]), sounds.rate)
        yield Waveform(np.concatenate([b, a]), sounds.rate)


def embed_pair_sounds(
    embedder: Embedder, pairs: Sequence[Pair], sounds: Sounds, *, progress: bool = False
) -> np.ndarray:
    """Embed both orders of each pair.

    Args:
        embedder: the model.
        pairs: the pairs.
        sounds: where the recordings come from.
        progress: show the model's progress bar.

    Returns:
        (pairs, 2, dim): AB, then BA.
    """
    vectors = embed_sounds(embedder, pair_sounds(pairs, sounds), 2 * len(pairs), progress=progress)
    return vectors.reshape(len(pairs), 2, -1)


def embed_pair_texts(embedder: Embedder, pairs: Sequence[Pair], template: str = TEMPLATE) -> np.ndarray:
    """Embed both texts of each pair.

    Args:
        embedder: the model.
        pairs: the pairs.
        template: as in `pair_texts`.

    Returns:
        (pairs, 2, dim), in the order of `pair_texts`.
    """
    texts = [text for pair in pairs for text in pair_texts(pair, template)]
    return embed_texts(embedder, texts).reshape(len(pairs), 2, -1)


def grouping(pairs: Sequence[Pair], wanted: Sequence[str] = (ALL, *PAIR_SLICES), seed: int = 0) -> Grouping:
    """Say which slice and sources each pair has.

    Args:
        pairs: the pairs.
        wanted: slices to report.
        seed: of the bootstrap.

    Returns:
        The grouping that turns scores into rows.
    """
    return Grouping([pair.slice for pair in pairs], [pair.sources for pair in pairs], wanted, seed)


def score(model: str, similarity: np.ndarray, groups: Grouping, task: str = TASK) -> list[Row]:
    """Turn similarities into the rows of T-Classify.

    Args:
        model: name for the rows.
        similarity: (pairs, 2, 2) of sounds (AB, BA) and texts (AB, BA).
        groups: slices and sources of the pairs.
        task: name for the rows.

    Returns:
        The rows of the three metrics, slice by slice.
    """
    scores = pair_scores(similarity)._asdict()
    return [
        row
        for metric, chance in CHANCE.items()
        for row in groups.rows(model, task, metric, scores[metric], chance=chance)
    ]


def evaluate(
    embedder: Embedder,
    pairs: Sequence[Pair],
    sounds: Sounds,
    *,
    audio: np.ndarray | None = None,
    seed: int = 0,
    progress: bool = False,
) -> list[Row]:
    """Measure whether a model tells the two orders of each pair apart.

    Args:
        embedder: the model.
        pairs: the pairs, at least one; `items.draw_pairs` makes them.
        sounds: where the recordings come from; its rate is the one the model is given.
        audio: the sounds already embedded by `embed_pair_sounds`; None embeds them.
        seed: of the bootstrap over sources.
        progress: show the model's progress bar.

    Returns:
        Rows of task "t_classify": `audio_to_text`, `text_to_audio` and `joint` for "all" and each slice
        present.

    Source:
        T-CLAP (arXiv 2404.17806), in the reading that the head of this module states.
    """
    if audio is None:
        audio = embed_pair_sounds(embedder, pairs, sounds, progress=progress)
    similarity = pair_similarity(audio, embed_pair_texts(embedder, pairs))
    return score(embedder.name, similarity, grouping(pairs, seed=seed))
