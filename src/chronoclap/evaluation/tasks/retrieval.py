"""Retrieval of single sounds: find what is named, and name what is heard.

The candidates are the recordings of a split, heard whole, and the distinct names of what is heard in them, as
they stand. Whatever bears the same name is right, so a name has many recordings, and a recording all of its
names. A query succeeds at R@k where something right is among the first k; mAP@10 and mAP@16 also ask how many
are, and how far up. A tie counts against the model. Chance is what a random ranking gives, averaged over the
queries of a slice, as it depends on how many candidates are right.

- `audio_to_text_...`: each recording is a query, and its interval is over sources;
- `text_to_audio_...`: each name is a query, and its interval is over names, the recordings being the same.

Source: R@k and mAP@10 as WavCaps' retrieval code computes them, mAP@16 as DCASE asks since 2025, in our
reading of ties and of many right answers (see `ranking.precision_at`); single sounds by name in place of
captioned clips are our choice.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from chronoclap.evaluation.embedder import Embedder, embed_texts
from chronoclap.evaluation.metrics import similarities
from chronoclap.evaluation.ranking import precision_at, precision_chance, recall_at, recall_chance, true_ranks
from chronoclap.evaluation.recordings import RATE, by_recording
from chronoclap.evaluation.rows import Grouping, Row
from chronoclap.evaluation.tasks.zero_shot import embed_recordings, event_labels, grouping, true_labels
from chronoclap.scenes.event import Event

TASK = "retrieval"
RECALLS = (1, 5, 10)
PRECISIONS = (10, 16)


def score(
    model: str, direction: str, similarity: np.ndarray, relevant: np.ndarray, groups: Grouping
) -> list[Row]:
    """Turn similarities into the rows of one direction.

    Args:
        model: name for the rows.
        direction: "audio_to_text" or "text_to_audio", how the metrics begin.
        similarity: (queries, candidates).
        relevant: (queries, candidates) bool, at least one true for each query.
        groups: slices and sources of the queries.

    Returns:
        The rows of R@1, R@5, R@10, mAP@10 and mAP@16, slice by slice.
    """
    return score_ranks(model, TASK, direction, true_ranks(similarity, relevant), groups)


def score_ranks(model: str, task: str, direction: str, ranks: np.ndarray, groups: Grouping) -> list[Row]:
    """Turn ranks into the rows of one direction.

    Args:
        model: name for the rows.
        task: name for the rows.
        direction: how the metrics begin.
        ranks: (queries, candidates) as `ranking.true_ranks` gives them.
        groups: slices and sources of the queries.

    Returns:
        The rows of R@1, R@5, R@10, mAP@10 and mAP@16, slice by slice.
    """
    counts, candidates = np.isfinite(ranks).sum(axis=1).tolist(), ranks.shape[1]
    rows = []
    for k in RECALLS:
        chance = np.array([recall_chance(count, candidates, k) for count in counts])
        rows += groups.rows(model, task, f"{direction}_r{k}", recall_at(ranks, k), chance=chance)
    for k in PRECISIONS:
        chance = np.array([precision_chance(count, candidates, k) for count in counts])
        rows += groups.rows(model, task, f"{direction}_map{k}", precision_at(ranks, k), chance=chance)
    return rows


def evaluate(
    embedder: Embedder,
    events: Sequence[Event],
    *,
    audio: np.ndarray | None = None,
    rate: int = RATE,
    seed: int = 0,
    progress: bool = False,
) -> list[Row]:
    """Measure retrieval in both directions.

    Args:
        embedder: the model.
        events: one for each recording and name that is true of it, at least one; all must be readable.
        audio: the recordings, in the order of `by_recording`, already embedded; None embeds them.
        rate: in Hz, at which recordings are given to the model.
        seed: of the bootstrap.
        progress: show the model's progress bar.

    Returns:
        Rows of "retrieval": `audio_to_text_r1`, `_r5`, `_r10`, `_map10`, `_map16` and the same of
        `text_to_audio`, for "all", "seen" and "class_unseen"; the candidates are the same in every slice.
    """
    recordings = by_recording(events)
    heard = [own[0] for own in recordings]
    if audio is None:
        audio = embed_recordings(embedder, heard, rate, progress=progress)
    names = event_labels(events)
    similarity = similarities(audio, embed_texts(embedder, names))
    relevant = true_labels(recordings, names)
    # A name is no recording: what is redrawn is the name itself.
    of_name = {event.phrase: event for event in events}
    names_apart = replace(grouping([of_name[name] for name in names], seed), sources=[(n,) for n in names])
    return [
        *score(embedder.name, "audio_to_text", similarity, relevant, grouping(heard, seed)),
        *score(embedder.name, "text_to_audio", similarity.T, relevant.T, names_apart),
    ]
