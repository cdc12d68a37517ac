"""Reports as files: rows with the scores of their items, and all that is needed to get them again."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from chronoclap.errors import DataError
from chronoclap.evaluation.metrics import Difference, paired_bootstrap
from chronoclap.evaluation.rows import Row, Scores, distinct
from chronoclap.evaluation.tasks.oracle import ORACLE

FORMAT = "chronoclap-report-1"
_COLUMNS = [name.name for name in fields(Row) if name.name != "scores"]


@dataclass(frozen=True, slots=True)
class Record:
    """A report.

    Attributes:
        about: how it was made: models with their digests, data, split, suite, seed, digest of the items,
            prompts, versions.
        rows: what came out.
    """

    about: dict[str, Any]
    rows: list[Row]

    @property
    def models(self) -> list[str]:
        """The names of the models, in the order of the rows."""
        return distinct(row.model for row in self.rows)


def write_record(record: Record, path: Path) -> None:
    """Write a report as JSON. Sources are written once for all rows that have the same items."""
    item_sets: dict[str, list[list[str]]] = {}
    rows = []
    for row in record.rows:
        written: dict[str, Any] = row.to_dict()
        if row.scores is not None:
            sources = [list(several) for several in row.scores.sources]
            digest = hashlib.sha256(json.dumps(sources).encode()).hexdigest()[:16]
            item_sets[digest] = sources
            written |= {"items": digest, "scores": [_short(value) for value in row.scores.values]}
            if row.scores.denominators is not None:
                written["denominators"] = [_short(value) for value in row.scores.denominators]
        rows.append(written)
    whole = {"format": FORMAT, "about": record.about, "item_sets": item_sets, "rows": rows}
    path.write_text(json.dumps(whole, ensure_ascii=False) + "\n", encoding="utf-8")


def read_record(path: Path) -> Record:
    """Read a report that `write_record` wrote.

    Raises:
        DataError: the file is none.
    """
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        if whole["format"] != FORMAT:
            raise ValueError(f"its format is {whole['format']!r}")
        sets = {
            digest: tuple(tuple(several) for several in sources)
            for digest, sources in whole["item_sets"].items()
        }
        return Record(whole["about"], [_row(written, sets) for written in whole["rows"]])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{path} is no report of chronoclap eval --out ({error}): give the report.json in its folder."
        ) from error


def _row(written: Mapping[str, Any], sets: Mapping[str, tuple[tuple[str, ...], ...]]) -> Row:
    row = Row(**{name: written[name] for name in _COLUMNS})
    if "scores" not in written:
        return row
    below = written.get("denominators")
    scores = Scores(tuple(written["scores"]), sets[written["items"]], None if below is None else tuple(below))
    return replace(row, scores=scores)


def _short(value: float) -> float:
    """Whole numbers without their point: most scores are 0 or 1."""
    return int(value) if value == int(value) else value


class Compared(NamedTuple):
    """A row of one model beside that of another, on the same items."""

    first: Row
    second: Row
    difference: Difference


_ALONE = "that one of the two alone has, such as {}. The same --suite asks both alike."
_UNSCORED = "without scores for each item, such as {}. They have no paired difference."
_RATIO = (
    "that are ratios, such as {}. What they are divided by is each model's own, so that items do not pair."
)
_OTHER = "of different items, such as {}. Give both the same --items."
_REASONS = (_ALONE, _UNSCORED, _RATIO, _OTHER)


def compare(first: Iterable[Row], second: Iterable[Row], seed: int = 0) -> tuple[list[Compared], list[str]]:
    """Set two models side by side, item by item.

    Args:
        first: the rows of one model, with scores.
        second: those of the other.
        seed: of the bootstrap over sources.

    Returns:
        What both were asked, in the first one's order; and remarks on rows that are not compared: what only
        one was asked, what has no scores for each item, ratios, and what was asked of different items.
    """
    theirs = {_question(row): row for row in second}
    compared: list[Compared] = []
    rows = {_question(row): row for row in first}
    left: dict[str, list[Row]] = {reason: [] for reason in _REASONS}
    left[_ALONE] += [row for question, row in theirs.items() if question not in rows]
    for question, row in rows.items():
        match = theirs.get(question)
        if match is None:
            left[_ALONE].append(row)
        elif row.scores is None or match.scores is None:
            left[_UNSCORED].append(row)
        elif row.scores.sources != match.scores.sources:
            left[_OTHER].append(row)
        elif row.scores.denominators or match.scores.denominators:
            left[_RATIO].append(row)
        else:
            values = np.array(row.scores.values), np.array(match.scores.values)
            difference = paired_bootstrap(*values, row.scores.sources, seed=seed)
            compared.append(Compared(row, match, difference))
    remarks = []
    for reason, several in left.items():
        if several:
            one = several[0]
            remarks.append(f"Not compared: {len(several)} rows {reason.format(f'{one.task} {one.metric}')}")
    return compared, remarks


def model_rows(given: str) -> list[Row]:
    """The rows of one model of a report.

    Args:
        given: the file; where it has several models, with a colon and the name of one.

    Raises:
        DataError: it is no report, has no such model, or has several and none is named.
    """
    path, model = (Path(given), None) if Path(given).exists() else _parted(given)
    record = read_record(path)
    models = [name for name in record.models if name != ORACLE]
    if (model is None and len(models) != 1) or (model is not None and model not in record.models):
        raise DataError(f"{path} has the models {', '.join(models)}: name one, as in {path}:{models[0]}.")
    return [row for row in record.rows if row.model == (model or models[0])]


def _parted(given: str) -> tuple[Path, str | None]:
    path, colon, model = given.rpartition(":")
    return (Path(path), model) if colon else (Path(given), None)


def write_differences(compared: Sequence[Compared], path: Path) -> None:
    """The same as a JSON list."""
    rows = [
        {
            **{name: getattr(first, name) for name in ("task", "metric", "slice", "at", "n")},
            "first": {"model": first.model, "value": first.value},
            "second": {"model": second.model, "value": second.value},
            **difference._asdict(),
        }
        for first, second, difference in compared
    ]
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _question(row: Row) -> tuple[str, str, str, float | None]:
    return row.task, row.metric, row.slice, row.at
