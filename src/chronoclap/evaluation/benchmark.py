"""A frozen benchmark: the same items for everyone who has the same recordings, and one line for each model.

`temporal-v1` asks T-Classify, the order tests, ZSTE and the wordings of `chronoclap eval`, of items drawn by
a seed that is part of its name. Items are drawn from events as a publisher names them, without the folder
they lie in, so that two machines draw the same; their digest is part of every submission.

The score is the mean of six tasks in which nothing but order, or order beside names, is asked: all four
choices of T-Classify right; before and after in TACT's form; three events in order, both ways; ZSTE 3 and 4,
mixed; all four choices in AudioCaps' words. It is 0 at worst and 1 at best; what chance gets stands in the
submission beside each part.

Source: ours; the tasks' own sources are in `protocols`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chronoclap.errors import DataError
from chronoclap.evaluation.embedder import Embedder
from chronoclap.evaluation.items import draw_pairs
from chronoclap.evaluation.provenance import hearing_of, versions
from chronoclap.evaluation.recordings import RATE, contents_digest, once_named, readable, recording_name
from chronoclap.evaluation.rows import ALL, Row, distinct
from chronoclap.evaluation.suites import draw_triples
from chronoclap.evaluation.tasks import order, t_classify, three_events, wordings, zste
from chronoclap.evaluation.tasks.zero_shot import event_labels
from chronoclap.evaluation.tasks.zste_items import ItemList, draw_items, items_text, moved
from chronoclap.scenes.event import Event
from chronoclap.scenes.sounds import Sounds

FORMAT = "chronoclap-benchmark-2"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What is frozen.

    Attributes:
        name: which says all of it.
        seed: of the items and of the bootstrap.
        pairs: for each slice.
        parts: of the score: a name, and the rows (task, metric) whose mean it is.
    """

    name: str
    seed: int
    pairs: int
    parts: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


TEMPORAL_V1 = Benchmark(
    "temporal-v1",
    seed=1,
    pairs=100,
    parts=(
        ("T-Classify", (("t_classify", "joint"),)),
        ("TACT", (("order_tact", "before"), ("order_tact", "after"))),
        ("three", (("three_events", "audio_to_text"), ("three_events", "text_to_audio"))),
        ("ZSTE-3", (("zste_3", "mixed"),)),
        ("ZSTE-4", (("zste_4", "mixed"),)),
        ("words", (("wordings_audiocaps", "joint"),)),
    ),
)
BENCHMARKS = {benchmark.name: benchmark for benchmark in (TEMPORAL_V1,)}


def find_benchmark(name: str) -> Benchmark:
    """The benchmark of that name.

    Raises:
        DataError: there is none.
    """
    if name not in BENCHMARKS:
        raise DataError(f"There is no benchmark {name!r}: use one of {', '.join(BENCHMARKS)}.")
    return BENCHMARKS[name]


def freeze_items(benchmark: Benchmark, events: Sequence[Event]) -> tuple[ItemList, str]:
    """The items of a benchmark on the test split of some events, and their digest.

    Args:
        benchmark: which.
        events: all of a manifest.

    Raises:
        DataError: there is nothing in the test split, or two of its recordings cannot be told apart by name.
    """
    tested = once_named(event for event in events if event.split == "test")
    if not tested:
        raise DataError("The benchmark asks about the split 'test', and nothing is in it.")
    places = _names({event.recording for event in tested})
    here = {name: recording for recording, name in places.items()}
    plain = [replace(event, recording=places[event.recording]) for event in tested]
    pairs = draw_pairs(plain, benchmark.pairs, benchmark.seed)
    triples = draw_triples(plain, benchmark.pairs, benchmark.seed)
    items = draw_items(pairs, event_labels(plain), benchmark.seed, triples)
    frozen = f"{benchmark!r}\n{items_text(items)}"

    def back(event: Event) -> Event:
        return replace(event, recording=here[event.recording])

    return moved(items, back), hashlib.sha256(frozen.encode()).hexdigest()


def _names(recordings: set[str]) -> dict[str, str]:
    """Each recording's file name, by its path.

    Raises:
        DataError: two recordings have one name.
    """
    names = {recording: recording_name(recording) for recording in sorted(recordings)}
    if len(set(names.values())) < len(names):
        raise DataError("Two recordings of the test split have the same file name: give each its own.")
    return names


def run_benchmark(
    benchmark: Benchmark,
    embedder: Embedder,
    events: Sequence[Event],
    data: str,
    *,
    digest_of_model: str = "",
    progress: bool = False,
) -> dict[str, Any]:
    """Score a model.

    Args:
        benchmark: which.
        embedder: the model.
        events: all of a manifest.
        data: what the manifest is called.
        digest_of_model: what tells it from others of its name.
        progress: show the model's progress bar.

    Returns:
        The submission: as JSON knows it, with the score of every item of every part, the digests of the items
        and of the recordings' files, how the model hears, and versions.

    Raises:
        DataError: the items cannot be drawn, or a recording of theirs cannot be read.
    """
    items, digest = freeze_items(benchmark, events)
    sounds = Sounds(rate=RATE)
    events_played = played(items)
    _, problems = readable(events_played, sounds)
    if problems:
        raise DataError(f"All recordings of the benchmark must be readable. {problems[0]}")
    seed, pairs = benchmark.seed, items.pairs
    audio = t_classify.embed_pair_sounds(embedder, pairs, sounds, progress=progress)
    rows = [
        *t_classify.evaluate(embedder, pairs, sounds, audio=audio, seed=seed),
        *order.evaluate(embedder, pairs, sounds, audio=audio, seed=seed),
        *wordings.evaluate(embedder, pairs, sounds, audio=audio, seed=seed),
        *three_events.evaluate(embedder, items.triples, sounds, seed=seed, progress=progress),
        *zste.evaluate(embedder, items, sounds, seed=seed, progress=progress),
    ]
    taken = {(row.task, row.metric): row for row in rows if row.slice == ALL}
    parts = {name: [_part(taken[key]) for key in keys] for name, keys in benchmark.parts}
    return {
        "format": FORMAT,
        "benchmark": benchmark.name,
        "data": data,
        "items": digest,
        "recordings": contents_digest(events_played),
        "model": {"name": embedder.name, "digest": digest_of_model, "audio": hearing_of(embedder)},
        "versions": versions(),
        "score": mean_of(parts),
        "parts": parts,
    }


def played(items: ItemList) -> list[Event]:
    """The events of a list, each once."""
    return distinct(
        [
            *(event for pair in items.pairs for event in (pair.first, pair.second)),
            *(event for triple in items.triples for event in triple.events),
        ]
    )


def _part(row: Row) -> dict[str, Any]:
    assert row.scores is not None
    return {
        **{name: getattr(row, name) for name in ("task", "metric", "value", "low", "high", "chance", "n")},
        "scores": list(row.scores.values),
    }


def mean_of(parts: dict[str, list[dict[str, Any]]]) -> float:
    """The score that parts make."""
    return float(np.mean([np.mean([row["value"] for row in rows]) for rows in parts.values()]))


def line_of(submission: dict[str, Any]) -> str:
    """A submission in a line that can be set beside others."""
    parts = ", ".join(
        f"{name} {100 * np.mean([row['value'] for row in rows]):.1f}"
        for name, rows in submission["parts"].items()
    )
    return (
        f"{submission['benchmark']} on {submission['data']} [{submission['items'][:8]}] "
        f"{submission['model']['name']}: {100 * submission['score']:.1f} ({parts})"
    )
