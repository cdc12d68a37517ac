"""Seeded lists of pairs of recordings: what an order test is asked about.

A list depends on the events and the seed alone, and can be kept as JSON, so that two models see the same
pairs.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from chronoclap.errors import DataError
from chronoclap.evaluation.rows import CLASS_UNSEEN, PAIR_UNSEEN, SEEN
from chronoclap.scenes.event import Event
from chronoclap.scenes.pairs import held_out_pair

PAIR_SLICES = (SEEN, PAIR_UNSEEN, CLASS_UNSEEN)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two recordings of different classes; both orders are asked about, so which is first says nothing."""

    first: Event
    second: Event

    @property
    def slice(self) -> str:
        """The slice the pair belongs to; see `slice_of`."""
        name = slice_of(self.first, self.second)
        if name is None:
            raise DataError(
                f"'{self.first.phrase}' and '{self.second.phrase}' mix a seen class with an unseen one "
                "and belong to no slice: take both from the seen classes or both from the unseen ones."
            )
        return name

    @property
    def sources(self) -> tuple[str, str]:
        """The sources of the two recordings."""
        return self.first.source, self.second.source


def slice_of(a: Event, b: Event) -> str | None:
    """Name the slice of a pair of classes.

    Args:
        a: one event.
        b: the other.

    Returns:
        "seen": both classes occur in training, and so may the pair; "pair_unseen": both occur, never
        together; "class_unseen": neither occurs; None for one of each, which no slice holds.
    """
    if a.class_unseen != b.class_unseen:
        return None
    if a.class_unseen:
        return CLASS_UNSEEN
    return PAIR_UNSEEN if held_out_pair(a.phrase, b.phrase) else SEEN


def draw_pairs(events: Sequence[Event], n_pairs: int = 200, seed: int = 0) -> list[Pair]:
    """Draw pairs for each slice, classes balanced: a pair of classes, then a recording of each, uniformly.

    Args:
        events: the recordings to draw from, of one split.
        n_pairs: how many to draw for each slice; fewer come back where the recordings do not allow as many.
        seed: of the draw; each slice has its own stream, so that one slice does not disturb another.

    Returns:
        The pairs, slice after slice in the order of `PAIR_SLICES`, no two of the same recordings.

    Source:
        T-Classify as `t_classify` reads it.
    """
    classes: dict[tuple[str, bool], list[Event]] = {}
    for event in sorted(set(events), key=lambda event: (event.phrase, event.place)):
        classes.setdefault((event.phrase, event.class_unseen), []).append(event)
    available: dict[str, list[tuple[list[Event], list[Event]]]] = {name: [] for name in PAIR_SLICES}
    for a, b in combinations(classes, 2):
        name = slice_of(classes[a][0], classes[b][0])
        if name is not None and a[0] != b[0]:
            available[name].append((classes[a], classes[b]))
    return [
        pair
        for index, name in enumerate(PAIR_SLICES)
        for pair in _draw(available[name], n_pairs, np.random.default_rng([seed, index]))
    ]


def _draw(
    available: list[tuple[list[Event], list[Event]]], n_pairs: int, generator: np.random.Generator
) -> list[Pair]:
    """Draw from the pairs of classes until there are enough pairs of recordings or none is left."""
    left = [(a, b, set[int]()) for a, b in available]
    drawn: list[Pair] = []
    while left and len(drawn) < n_pairs:
        position = int(generator.integers(len(left)))
        a, b, used = left[position]
        index = int(generator.integers(len(a) * len(b)))
        while index in used:
            index = int(generator.integers(len(a) * len(b)))
        used.add(index)
        if len(used) == len(a) * len(b):
            left.pop(position)
        drawn.append(Pair(a[index // len(b)], b[index % len(b)]))
    return drawn


def event_record(event: Event) -> dict[str, Any]:
    """An event as JSON knows it; times stand only in the record of a stretch of a recording."""
    record = asdict(event)
    if not event.is_span:
        del record["start"], record["end"]
    return record


def pair_record(pair: Pair) -> dict[str, Any]:
    """A pair as JSON knows it."""
    return {"first": event_record(pair.first), "second": event_record(pair.second)}


def read_pair(record: Any) -> Pair:
    """The pair of a record that `pair_record` made; KeyError or TypeError where it is none."""
    return Pair(Event(**record["first"]), Event(**record["second"]))


def save_pairs(pairs: Sequence[Pair], path: str | Path) -> None:
    """Write a list of pairs as JSON.

    Args:
        pairs: the list.
        path: file to write.
    """
    records = [pair_record(pair) for pair in pairs]
    Path(path).write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")


def load_pairs(path: str | Path) -> list[Pair]:
    """Read a list of pairs that `save_pairs` wrote, or the pairs of the items of ZSTE.

    Args:
        path: the file.

    Returns:
        The pairs, in the order written.

    Raises:
        DataError: the file is no such list.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        records = content["items"] if isinstance(content, dict) else content
        return [read_pair(record) for record in records]
    except (OSError, ValueError, TypeError, KeyError, DataError) as error:
        raise DataError(
            f"{path} cannot be read as a list of pairs ({error}): write it anew with save_pairs."
        ) from error
