"""Zero-shot classification: each recording is named by the label whose prompt lies nearest to it.

The prompt is "this is a sound of {label}", without a full stop and without an article; other prompts move
results by points, so it is fixed. The whole recording is heard, silences included.
"""

from collections.abc import Sequence

import numpy as np

from chronoclap.errors import DataError
from chronoclap.evaluation.embedder import Embedder, embed_sounds, embed_texts
from chronoclap.evaluation.metrics import top1
from chronoclap.evaluation.recordings import RATE, whole
from chronoclap.evaluation.rows import ALL, CLASS_UNSEEN, SEEN, Grouping, Row
from chronoclap.scenes.event import Event

TASK = "zero_shot"
ESC50_TASK = "zero_shot_esc50"
PROMPT = "this is a sound of {}"
SLICES = (ALL, SEEN, CLASS_UNSEEN)


def event_labels(events: Sequence[Event]) -> list[str]:
    """List the distinct event names, sorted."""
    return sorted({event.phrase for event in events})


def esc50_label(event: Event) -> str:
    """The ESC-50 class of a recording as words, "" where it has none."""
    return event.esc50_class.replace("_", " ")


def esc50_labels(events: Sequence[Event]) -> list[str]:
    """List the distinct ESC-50 classes as words, sorted; all 50 if the events cover that corpus."""
    return sorted({esc50_label(event) for event in events} - {""})


def grouping(events: Sequence[Event], seed: int) -> Grouping:
    """Say which slice and source each recording has.

    Args:
        events: the recordings.
        seed: of the bootstrap.

    Returns:
        The grouping that turns scores into rows.
    """
    slices = [CLASS_UNSEEN if event.class_unseen else SEEN for event in events]
    return Grouping(slices, [(event.source,) for event in events], SLICES, seed)


def embed_recordings(
    embedder: Embedder, events: Sequence[Event], rate: int = RATE, *, progress: bool = False
) -> np.ndarray:
    """Embed each recording from end to end.

    Args:
        embedder: the model.
        events: the recordings; all must be readable.
        rate: in Hz, at which they are given to the model.
        progress: show the model's progress bar.

    Returns:
        (recordings, dim).
    """
    stream = (whole(event, rate) for event in events)
    return embed_sounds(embedder, stream, len(events), progress=progress)


def score(
    model: str,
    task: str,
    similarity: np.ndarray,
    truth: Sequence[str],
    labels: Sequence[str],
    groups: Grouping,
) -> list[Row]:
    """Turn similarities into rows of top-1 accuracy.

    Args:
        model: name for the rows.
        task: name for the rows.
        similarity: (recordings, labels).
        truth: the true label of each recording, one of `labels`.
        labels: the candidates, at least two.
        groups: slices and sources of the recordings.

    Returns:
        A row for each slice; chance is one over the number of labels.

    Raises:
        DataError: there are fewer than two labels, or a true label is not among them.
    """
    position = {label: index for index, label in enumerate(labels)}
    missing = sorted(set(truth) - set(labels))
    if missing or len(labels) < 2:
        raise DataError(
            f"{task} needs two or more labels, the true ones among them: "
            f"there are {len(labels)}, and these are missing: {missing}."
        )
    values = top1(similarity, np.array([position[label] for label in truth]))
    return groups.rows(model, task, "top1", values, chance=1 / len(labels))


def evaluate(
    embedder: Embedder,
    events: Sequence[Event],
    labels: Sequence[str],
    esc50: Sequence[str] = (),
    *,
    audio: np.ndarray | None = None,
    rate: int = RATE,
    seed: int = 0,
    progress: bool = False,
) -> list[Row]:
    """Measure how often a model names a recording right; every recording is embedded once.

    Args:
        embedder: the model.
        events: the recordings, at least one; all must be readable.
        labels: the candidates for the events' own names.
        esc50: the candidates for those recordings that have an ESC-50 class; fewer than two skip that task.
        audio: the recordings already embedded by `embed_recordings`; None embeds them.
        rate: in Hz, at which recordings are given to the model.
        seed: of the bootstrap over sources.
        progress: show the model's progress bar.

    Returns:
        Rows of "zero_shot" and, where there is something to ask, "zero_shot_esc50": `top1` for "all", "seen"
        and "class_unseen"; the candidates are the same in every slice.
    """
    if audio is None:
        audio = embed_recordings(embedder, events, rate, progress=progress)
    everyone = list(range(len(events)))
    tasks = [(TASK, everyone, [event.phrase for event in events], labels)]
    named = [index for index in everyone if events[index].esc50_class]
    if named and len(esc50) > 1:
        tasks.append((ESC50_TASK, named, [esc50_label(events[index]) for index in named], esc50))
    rows = []
    for task, chosen, truth, candidates in tasks:
        similarity = audio[chosen] @ embed_texts(embedder, [PROMPT.format(label) for label in candidates]).T
        groups = grouping([events[index] for index in chosen], seed)
        rows += score(embedder.name, task, similarity, truth, candidates, groups)
    return rows
