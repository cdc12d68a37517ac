"""Submissions to a frozen benchmark: are their numbers those of their items, and the items those of the data?

What a submission claims is computed anew from the scores of its items; a score must be one that its metric
can have. That the model gave these scores is shown only by running it.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from chronoclap.errors import DataError
from chronoclap.evaluation.benchmark import (
    FORMAT,
    Benchmark,
    find_benchmark,
    freeze_items,
    mean_of,
    played,
)
from chronoclap.evaluation.metrics import bootstrap
from chronoclap.evaluation.recordings import contents_digest
from chronoclap.evaluation.tasks import order, t_classify, three_events
from chronoclap.evaluation.tasks.zste_items import CANDIDATES, VARIANTS, ItemList
from chronoclap.scenes.event import Event

CLOSE = 1e-9
CLOSE_ENDS = 1e-6  # of intervals, whose sums another machine may add in another order


class Kind(NamedTuple):
    """What a row of a benchmark is made of.

    Attributes:
        items: what it has a score for.
        choices: how many choices a score is the share of right ones of.
        chances: what chance can be.
    """

    items: Literal["pairs", "triples"]
    choices: int
    chances: tuple[float, ...]


_ALL_FOUR = Kind("pairs", 1, (t_classify.CHANCE["joint"],))
_TWO_SOUNDS = Kind("pairs", 2, (order.TACT_CHANCE,))
_SIX_ORDERS = Kind("triples", len(three_events.ORDERS), (three_events.CHANCE,))
KINDS = {
    ("t_classify", "joint"): _ALL_FOUR,
    ("wordings_audiocaps", "joint"): _ALL_FOUR,
    ("order_tact", "before"): _TWO_SOUNDS,
    ("order_tact", "after"): _TWO_SOUNDS,
    ("three_events", "audio_to_text"): _SIX_ORDERS,
    ("three_events", "text_to_audio"): _SIX_ORDERS,
    ("zste_3", "mixed"): Kind("pairs", 1, (1 / len(VARIANTS),)),
    ("zste_4", "mixed"): Kind("pairs", 1, tuple(1 / k for k in range(len(VARIANTS), CANDIDATES + 1))),
}
"""By task and metric."""


class Checked(NamedTuple):
    """A submission that holds.

    Attributes:
        submission: as JSON knows it.
        same_recordings: whether the recordings' files are those of the data to the byte; None: there is no
            data to compare with.
    """

    submission: dict[str, Any]
    same_recordings: bool | None


def check_submission(path: Path, events: Sequence[Event] | None = None) -> Checked:
    """Read a submission and check that its numbers are those of its items.

    Args:
        path: the file.
        events: a manifest of the same data, to draw the items anew: their number, intervals and chances are
            then checked as well; None: do not.

    Raises:
        DataError: it is none, or something in it cannot be so; the text says what.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["format"] != FORMAT:
            raise ValueError(f"its format is {found['format']!r}, not {FORMAT!r}")
        benchmark = find_benchmark(found["benchmark"])
        _check_numbers(found, benchmark)
        _check_texts(found)
        if events is None:
            return Checked(found, None)
        items, digest = freeze_items(benchmark, events)
        if digest != found["items"]:
            raise DataError(f"{path} asks about other items than these recordings give: it is of other data.")
        _check_items(found, benchmark, items)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise DataError(f"{path} is no valid submission ({error}).") from error
    return Checked(found, contents_digest(played(items)) == found["recordings"])


def _check_numbers(found: dict[str, Any], benchmark: Benchmark) -> None:
    """Raise ValueError unless the parts are those of the benchmark, and each number one that can be."""
    names = [name for name, _ in benchmark.parts]
    if list(found["parts"]) != names:
        raise ValueError(f"its parts are {', '.join(found['parts'])}, and not {', '.join(names)}")
    counts: dict[str, int] = {}
    for name, keys in benchmark.parts:
        rows = found["parts"][name]
        if [(row["task"], row["metric"]) for row in rows] != list(keys):
            raise ValueError(f"{name} is not made of {keys}")
        for key, row in zip(keys, rows, strict=True):
            title, kind = " ".join(key), KINDS[key]
            _check_row(row, kind, title)
            if counts.setdefault(kind.items, row["n"]) != row["n"]:
                raise ValueError(f"{title} has {row['n']} items, and others have {counts[kind.items]}")
    if not math.isclose(mean_of(found["parts"]), _number(found["score"]), abs_tol=CLOSE):
        raise ValueError("its score is not the mean of its parts")


def _check_texts(found: dict[str, Any]) -> None:
    """Raise ValueError unless what tells model and data apart is there."""
    model, versions = found["model"], found["versions"]
    texts = {
        "data": found["data"],
        **{f"model's {name}": model[name] for name in ("name", "digest", "audio")},
        **{f"version of {name}": version for name, version in versions.items()},
    }
    for name in ("items", "recordings"):
        if not isinstance(found[name], str) or len(found[name]) != 64:
            raise ValueError(f"the digest of its {name} is {found[name]!r}")
    for name, text in texts.items():
        if not isinstance(text, str):
            raise ValueError(f"its {name} is {text!r}")


def _check_items(found: dict[str, Any], benchmark: Benchmark, items: ItemList) -> None:
    """Raise ValueError unless the numbers are those of these items."""
    sources: dict[str, list[tuple[str, ...]]] = {
        "pairs": [pair.sources for pair in items.pairs],
        "triples": [triple.sources for triple in items.triples],
    }
    candidates = len(VARIANTS) + len(items.items[0].others)
    for row in (row for rows in found["parts"].values() for row in rows):
        title, own = f"{row['task']} {row['metric']}", sources[KINDS[row["task"], row["metric"]].items]
        if row["n"] != len(own):
            raise ValueError(f"{title} has {row['n']} items, and the benchmark {len(own)}")
        _, low, high = bootstrap(np.array(row["scores"], np.float64), own, seed=benchmark.seed)
        ends = (low, row["low"]), (high, row["high"])
        if not all(math.isclose(end, claimed, abs_tol=CLOSE_ENDS) for end, claimed in ends):
            raise ValueError(
                f"the interval of {title} is {low:.4f} to {high:.4f}, and not {row['low']} to {row['high']}"
            )
        if row["task"] == "zste_4" and not math.isclose(row["chance"], 1 / candidates, abs_tol=CLOSE):
            raise ValueError(f"the chance of {title} is 1/{candidates}, and not {row['chance']}")


def _check_row(row: dict[str, Any], kind: Kind, title: str) -> None:
    """Raise ValueError unless the scores of a row can be, its value is theirs, and so may be the rest."""
    scores = np.array([_number(score) for score in row["scores"]])
    if type(row["n"]) is not int or row["n"] < 1 or row["n"] != len(scores):
        raise ValueError(f"{title} has not {row['n']!r} scores, but {len(scores)}")
    right = scores * kind.choices
    whole = np.isclose(right, np.round(right), atol=CLOSE)
    if not (whole & (right >= 0) & (right <= kind.choices)).all():
        possible = "0 or 1" if kind.choices == 1 else f"shares of {kind.choices} choices"
        raise ValueError(f"{title} has scores that are not {possible}")
    value, low, high, chance = (_number(row[name]) for name in ("value", "low", "high", "chance"))
    if not math.isclose(scores.mean(), value, abs_tol=CLOSE):
        raise ValueError(f"{title} is not the mean of its scores")
    if not 0 <= low <= high <= 1:
        raise ValueError(f"{title} has no interval between 0 and 1")
    if not any(math.isclose(chance, possible, abs_tol=CLOSE) for possible in kind.chances):
        raise ValueError(f"{title} cannot have the chance {chance}")


def _number(value: Any) -> float:
    """A real number of JSON, as it is.

    Raises:
        ValueError: it is none: a text, true or false, or NaN.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} stands where a number should be")
    return value
