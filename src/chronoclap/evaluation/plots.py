"""Bars with intervals: before and after, model beside model."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chronoclap.errors import ChronoclapError, DataError
from chronoclap.evaluation.oracle import ORACLE
from chronoclap.evaluation.rows import Row, distinct
from chronoclap.evaluation.t_classify import TASK

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot(rows: Sequence[Row], path: str | Path, task: str = TASK) -> None:
    """Draw a task: a panel for each metric, a group of bars for each slice, a bar for each model.

    The models stand in the order of the rows; the oracle is a line over each group, chance a dotted line
    across.

    Args:
        rows: the rows, for example before and after training.
        path: picture to write; its suffix names the format.
        task: the task to draw.

    Raises:
        ChronoclapError: matplotlib is not installed.
        DataError: no row is of the task.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ChronoclapError(
            'Drawing needs matplotlib: install it with pip install "chronoclap[plots]".'
        ) from error
    rows = [row for row in rows if row.task == task]
    if not rows:
        raise DataError(f"No row is of the task '{task}': there is nothing to draw.")
    metrics = distinct(row.metric for row in rows)
    figure = Figure(figsize=(1.0 + 3.6 * len(metrics), 3.6), layout="constrained")
    for axes, metric in zip(figure.subplots(1, len(metrics), squeeze=False)[0], metrics, strict=True):
        _panel(axes, [row for row in rows if row.metric == metric])
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.suptitle(task)
    figure.savefig(path)


def _panel(axes: "Axes", rows: Sequence[Row]) -> None:
    """Draw the rows of one metric."""
    slices = distinct(row.slice for row in rows)
    models = [model for model in distinct(row.model for row in rows) if model != ORACLE]
    width = 0.8 / max(1, len(models))
    for position, model in enumerate(models):
        own = [row for row in rows if row.model == model]
        middles = [slices.index(row.slice) + (position + 0.5) * width - 0.4 for row in own]
        # A percentile interval may lie beside the value; an error bar cannot, so it then ends at the value.
        below = [max(0.0, row.value - row.low) for row in own]
        above = [max(0.0, row.high - row.value) for row in own]
        axes.bar(middles, [row.value for row in own], width, yerr=[below, above], capsize=2, label=model)
    bound = [row for row in rows if row.model == ORACLE]
    if bound:
        starts = [slices.index(row.slice) - 0.4 for row in bound]
        ends = [start + 0.8 for start in starts]
        axes.hlines([row.value for row in bound], starts, ends, colors="black", label=ORACLE)
    axes.axhline(rows[0].chance, linestyle="dotted", color="grey", label="chance")
    axes.set_xticks(range(len(slices)), [name.replace("_", "\n") for name in slices])
    axes.set_title(rows[0].metric)
    axes.set_ylim(0, max(1.0, *(row.high for row in rows)))
