"""Tables of captions with their contradictions: by rule, or by a language model with the rules behind it."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from chronoclap.errors import DataError
from chronoclap.rewriting.checker import objection
from chronoclap.rewriting.contradict import Contradiction, contradict_caption
from chronoclap.rewriting.language_model import Writer
from chronoclap.rewriting.reading import SEQUENCE_WORD, read_caption

COLUMNS = ("contradiction", "method", "reason")


@dataclass(frozen=True, slots=True)
class Row:
    """What becomes of a caption; one may have several.

    Attributes:
        contradiction: empty where it was refused or rejected.
        method: how it was made; of what a model wrote and the checker rejected, "llm" too.
        reason: why there is none.
    """

    contradiction: str = ""
    method: str = ""
    reason: str = ""


def rewrite(caption: str, writer: Writer | None = None) -> list[Row]:
    """Contradict one caption.

    Args:
        caption: free text.
        writer: asked first, where the caption tells a relation at all; rules stand in where it has no answer
            or a wrong one.

    Returns:
        A contradiction, or a row with a reason; before it the model's attempt, if it was rejected.
    """
    rows = []
    if writer is not None and (read_caption(caption).joints or SEQUENCE_WORD.search(caption)):
        answer = writer.ask(caption)
        if answer.trouble:
            rows.append(Row(method="llm", reason=answer.trouble))
        elif answer.text is not None:
            reason = objection(caption, answer.text)
            if reason is None:
                return [Row(answer.text, "llm")]
            rows.append(Row(method="llm", reason=f"{reason}: {answer.text!r}"))
    found = contradict_caption(caption)
    if isinstance(found, Contradiction):
        return [*rows, Row(found.text, found.method)]
    return [*rows, Row(reason=found.reason)]


def rewrite_all(captions: Sequence[str], writer: Writer | None, together: int = 4) -> Iterator[list[Row]]:
    """`rewrite` of each caption, in order; several at a time where a model is asked."""
    if writer is None:
        yield from map(rewrite, captions)
        return
    with ThreadPoolExecutor(together) as pool:
        yield from pool.map(lambda caption: rewrite(caption, writer), captions)


def read_captions(path: Path, column: str) -> tuple[list[str], list[dict[str, str]]]:
    """The columns and rows of a CSV of captions.

    Raises:
        DataError: the file cannot be read, or lacks the column.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, strict=True)
            names, rows = list(table.fieldnames or ()), list(table)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as a CSV in UTF-8 ({error}).") from error
    if column not in names:
        raise DataError(
            f"{path}: no column {column!r} among {', '.join(names) or 'none'}: name it by --column."
        )
    if taken := [name for name in COLUMNS if name in names]:
        raise DataError(f"{path}: has a column {taken[0]!r} already, which would be overwritten: rename it.")
    if bad := next((n for n, row in enumerate(rows, 2) if not (row[column] or "").strip()), None):
        raise DataError(f"{path}: row {bad} has no caption; fill it or take it out.")
    return names, rows


def write_table(
    file: TextIO, names: Sequence[str], rows: Sequence[dict[str, str]], found: Iterable[list[Row]]
) -> Counter[str]:
    """Write the input's columns with what was found; several lines may share an input row.

    Returns:
        How many contradictions were made by each method, and under "refused" how many captions have none.
    """
    table = csv.DictWriter(file, [*names, *COLUMNS], extrasaction="ignore")
    table.writeheader()
    made: Counter[str] = Counter()
    for row, several in zip(rows, found, strict=True):
        for one in several:
            table.writerow({**row, **{name: getattr(one, name) for name in COLUMNS}})
        made[several[-1].method if several[-1].contradiction else "refused"] += 1
    return made
