"""Zero-shot classification: each recording is named by the label whose prompt lies nearest to it.

The prompt is "this is a sound of {label}", without a full stop and without an article; other prompts move
results by points, so it is fixed. The whole recording is heard, silences included.

`top1` is how often the true label is ahead of all others, `top5` how often it is among the first five; a tie
is wrong. Chance is k over the number of labels.

Where recordings have several labels each, in a row of the manifest each, no one label is the right one. Then
`evaluate_tags` asks how far up the right recordings stand for every label: `map` of "zero_shot_tags" is macro
mAP, with the same prompt. Chance is what random rankings give, near the mean share of recordings that a label
is true of.

Source: of the prompt, LAION's `eval_zeroshot_classification.py`, which has it with a full stop. As published,
ESC-50 is asked of all of its 2,000 clips and UrbanSound8K of all 8,732, by models that were trained on none;
FSD50K of its evaluation part, macro mAP over 200 classes.
"""

from collections.abc import Sequence

import numpy as np

from chronoclap.errors import DataError
from chronoclap.evaluation.embedder import Embedder, embed_sounds, embed_texts
from chronoclap.evaluation.metrics import similarities
from chronoclap.evaluation.ranking import mean_average_precision, mean_average_precision_chance, top_k
from chronoclap.evaluation.recordings import RATE, by_recording, whole
from chronoclap.evaluation.rows import ALL, CLASS_UNSEEN, SEEN, Grouping, Row
from chronoclap.scenes.event import Event

TASK = "zero_shot"
ESC50_TASK = "zero_shot_esc50"
TAGS_TASK = "zero_shot_tags"
PROMPT = "this is a sound of {}"
SLICES = (ALL, SEEN, CLASS_UNSEEN)
TOPS = (1, 5)


def event_labels(events: Sequence[Event]) -> list[str]:
    """List the distinct event names, sorted."""
    return sorted({event.phrase for event in events})


def esc50_label(event: Event) -> str:
    """The ESC-50 class of a recording as words, "" where it has none."""
    return event.esc50_class.replace("_", " ")


def esc50_labels(events: Sequence[Event]) -> list[str]:
    """List the distinct ESC-50 classes as words, sorted; all 50 if the events cover that corpus."""
    return sorted({esc50_label(event) for event in events} - {""})


def true_labels(recordings: Sequence[Sequence[Event]], labels: Sequence[str]) -> np.ndarray:
    """Say which labels are true of which recordings.

    Args:
        recordings: the events of each.
        labels: the candidates.

    Returns:
        (recordings, labels) bool.
    """
    tags = [{event.phrase for event in own} for own in recordings]
    return np.array([[label in own for label in labels] for own in tags])


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
    tops: Sequence[int] = TOPS,
) -> list[Row]:
    """Turn similarities into rows of top-k accuracy.

    Args:
        model: name for the rows.
        task: name for the rows.
        similarity: (recordings, labels).
        truth: the true label of each recording, one of `labels`.
        labels: the candidates, at least two.
        groups: slices and sources of the recordings.
        tops: each k of the rows; one that all labels fit into says nothing, and is left out.

    Returns:
        A row for each k and slice; chance is k over the number of labels.

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
    right = np.array([position[label] for label in truth])
    return [
        row
        for k in tops
        if k < len(labels)
        for row in groups.rows(model, task, f"top{k}", top_k(similarity, right, k), chance=k / len(labels))
    ]


def evaluate(
    embedder: Embedder,
    events: Sequence[Event],
    labels: Sequence[str],
    esc50: Sequence[str] = (),
    *,
    tops: Sequence[int] = TOPS,
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
        tops: each k of the top-k accuracies to report.
        audio: the recordings already embedded by `embed_recordings`; None embeds them.
        rate: in Hz, at which recordings are given to the model.
        seed: of the bootstrap over sources.
        progress: show the model's progress bar.

    Returns:
        Rows of "zero_shot" and, where there is something to ask, "zero_shot_esc50": `top1` and, of more than
        five labels, `top5` (or what `tops` asks for) for "all", "seen" and "class_unseen"; the candidates are
        the same in every slice.
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
        said = embed_texts(embedder, [PROMPT.format(label) for label in candidates])
        similarity = similarities(audio[chosen], said)
        groups = grouping([events[index] for index in chosen], seed)
        rows += score(embedder.name, task, similarity, truth, candidates, groups, tops)
    return rows


def evaluate_tags(
    embedder: Embedder,
    events: Sequence[Event],
    labels: Sequence[str],
    *,
    audio: np.ndarray | None = None,
    rate: int = RATE,
    seed: int = 0,
    progress: bool = False,
) -> list[Row]:
    """Measure macro mAP where a recording may have several labels; every recording is embedded once.

    Args:
        embedder: the model.
        events: one for each recording and label that is true of it; all must be readable.
        labels: those that are asked for; one that is true of no recording is left out of the mean.
        audio: the recordings, in the order of `by_recording`, already embedded; None embeds them.
        rate: in Hz, at which recordings are given to the model.
        seed: of the bootstrap over sources.
        progress: show the model's progress bar.

    Returns:
        One row: `map` of "zero_shot_tags" over "all" recordings, also those that none of the labels is true
        of.

    Raises:
        DataError: none of the labels is true of a recording.
    """
    recordings = by_recording(events)
    heard = [own[0] for own in recordings]
    relevant = true_labels(recordings, labels)
    if not relevant.any():
        raise DataError(f"{TAGS_TASK}: none of the {len(labels)} labels is true of a recording; check them.")
    if audio is None:
        audio = embed_recordings(embedder, heard, rate, progress=progress)
    said = embed_texts(embedder, [PROMPT.format(label) for label in labels])
    sources = [(event.source,) for event in heard]
    estimate = mean_average_precision(similarities(audio, said), relevant, sources, seed=seed)
    chance = mean_average_precision_chance(relevant)
    return [Row(embedder.name, TAGS_TASK, "map", ALL, *estimate, chance, len(heard))]
