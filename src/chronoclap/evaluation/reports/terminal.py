"""Rows for people and for programs: tables for the terminal, a list in JSON."""

import json
from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Group
from rich.table import Table

from chronoclap.errors import DataError
from chronoclap.evaluation.reports.protocols import PROTOCOLS
from chronoclap.evaluation.reports.record import Compared
from chronoclap.evaluation.rows import Row, distinct
from chronoclap.evaluation.tasks import oracle as oracle_halves
from chronoclap.files import replacing


def tables(rows: Sequence[Row]) -> Group:
    """Lay rows out for the terminal: a table for each task, a column for each model, oracle and chance last.

    A chance too small for three decimals is given as "<0.001".

    Args:
        rows: the rows, of any number of models.

    Returns:
        Something `rich.print` prints; each cell is the value and its 95 % interval.
    """
    return Group(
        *(_table([row for row in rows if row.task == task]) for task in distinct(r.task for r in rows))
    )


def _table(rows: Sequence[Row]) -> Table:
    models = sorted(distinct(row.model for row in rows), key=lambda model: model == oracle_halves.ORACLE)
    cells = {(row.model, row.metric, row.slice, row.at): row for row in rows}
    # Three models fit 80 columns: a cell then breaks before its bracket.
    table = _titled(rows[0].task)
    table.add_column("metric", no_wrap=True)
    table.add_column("slice (n)", min_width=len("class_unseen"))
    for model in models:
        heading = model.replace("-", " ") if model == oracle_halves.ORACLE else model
        table.add_column(heading, justify="right", min_width=len("(0.00–0.00)"), overflow="fold")
    table.add_column("chance", no_wrap=True)
    for metric, name, at in distinct((row.metric, row.slice, row.at) for row in rows):
        line = [cells.get((model, metric, name, at)) for model in models]
        first = next(row for row in line if row is not None)
        values = [f"{row.value:.3f} ({row.low:.2f}–{row.high:.2f})" if row else "–" for row in line]
        chance = "<0.001" if 0 < first.chance < 0.001 else f"{first.chance:.3f}"
        table.add_row(metric, _where(first), *values, chance)
    return table


def differences(compared: Sequence[Compared]) -> Group:
    """Lay differences out for the terminal: a table for each task, of both values, and of the first less the
    second with its interval."""
    tasks = distinct(one.first.task for one in compared)
    return Group(*(_differences([one for one in compared if one.first.task == task]) for task in tasks))


def _differences(compared: Sequence[Compared]) -> Table:
    # Two lines a row fit 80 columns: only the names of models may have to break.
    first, second, _ = compared[0]
    table = _titled(first.task)
    table.collapse_padding = True
    for title in ("metric", "slice (n)"):
        table.add_column(title, no_wrap=True)
    for model in (first.model, second.model):
        table.add_column(model, justify="right", overflow="fold")
    for title in ("difference", "p"):
        table.add_column(title, justify="right", no_wrap=True)
    for one, other, (value, low, high, p) in compared:
        where = _where(one).replace(" (", "\n(")
        found = f"{value:+.3f}\n{low:+.2f} to {high:+.2f}"
        # What an interval without 0 in it says should catch the eye.
        style = "bold" if low > 0 or high < 0 else ""
        values = (f"{one.value:.3f}", f"{other.value:.3f}")
        table.add_row(one.metric, where, *values, found, f"{p:.3f}", style=style)
    return table


def _titled(task: str) -> Table:
    """An empty table that says what a task asks."""
    title = f"{task}: {PROTOCOLS[task].question}" if task in PROTOCOLS else task
    return Table(title=title, title_justify="left", box=SIMPLE, pad_edge=False)


def _where(row: Row) -> str:
    """The slice or point of a row, and how many items it has."""
    return f"{row.slice} ({row.n})" if row.at is None else f"at {row.at:g} ({row.n})"


def write_json(rows: Sequence[Row], path: str | Path) -> None:
    """Write rows as one flat JSON list; the file appears whole or not at all.

    Args:
        rows: the rows.
        path: file to write.
    """
    with replacing(Path(path)) as new:
        new.write_text(json.dumps([row.to_dict() for row in rows], indent=1) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> list[Row]:
    """Read rows that `write_json` wrote.

    Args:
        path: the file.

    Returns:
        The rows.

    Raises:
        DataError: the file holds no such rows.
    """
    try:
        return [Row(**record) for record in json.loads(Path(path).read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            f"{path} cannot be read as a report ({error}): write it anew with write_json."
        ) from error
