"""Bars with intervals, model beside model; and heat maps of what is taken for what."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chronoclap.errors import ChronoclapError, DataError
from chronoclap.evaluation.rows import Row, distinct
from chronoclap.evaluation.tasks import order, retrieval, t_classify, three_events, zste
from chronoclap.evaluation.tasks.oracle import ORACLE

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DRAWN = (t_classify.TASK, order.COMPA, order.TACT, three_events.TASK, *zste.TASKS, retrieval.TASK)
PANELS = 4  # side by side


def plot(rows: Sequence[Row], path: str | Path, *tasks: str) -> None:
    """Write `figure_of` rows to a file.

    Args:
        rows: the rows, for example before and after training.
        path: picture to write; its suffix names the format.
        tasks: as for `figure_of`.

    Raises:
        ChronoclapError: matplotlib is not installed.
        DataError: no row is of the tasks.
    """
    figure_of(rows, *tasks).savefig(path)


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure, its sides in inches.

    Raises:
        ChronoclapError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ChronoclapError(
            'Drawing needs matplotlib: install it with pip install "chronoclap[plots]".'
        ) from error
    return Figure(figsize=(width, height), layout="constrained")


def heat_map(shares: "np.ndarray", labels: Sequence[str]) -> "Figure":
    """Draw (labels, labels) shares in [0, 1]: rows are true, columns what is said.

    Raises:
        ChronoclapError: matplotlib is not installed.
    """
    size = 2.5 + 0.13 * len(labels)
    figure = new_figure(size + 0.8, size)
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="magma_r", vmin=0, vmax=1)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(range(len(labels)), labels, fontsize=6)
    axes.tick_params(axis="x", rotation=90)
    axes.set_xlabel("said")
    axes.set_ylabel("true")
    figure.colorbar(image, shrink=0.6, label="share of the recordings")
    return figure


def figure_of(rows: Sequence[Row], *tasks: str) -> "Figure":
    """Draw tasks below each other: a panel for each metric, a group of bars for each slice, a bar for each
    model.

    The models stand in the order of the rows; the oracle is a line over each group, chance a dotted one.

    Args:
        rows: the rows.
        tasks: the tasks to draw, those without rows left out; none given: `DRAWN`.

    Raises:
        ChronoclapError: matplotlib is not installed.
        DataError: no row is of the tasks.
    """
    tasks = tasks or DRAWN
    lines = [line for task in tasks for line in _lines([row for row in rows if row.task == task])]
    if not lines:
        raise DataError(f"No row is of the tasks {', '.join(tasks)}: there is nothing to draw.")
    columns = max(len(line) for line in lines)
    figure = new_figure(1.0 + 3.6 * columns, 3.6 * len(lines))
    grid = figure.subplots(len(lines), columns, squeeze=False)
    for axes, line in zip(grid, lines, strict=True):
        axes[0].set_ylabel(line[0][0].task)
        for panel, own in zip(axes, line, strict=False):
            _panel(panel, own)
        for panel in axes[len(line) :]:
            panel.set_axis_off()
    # Not every task has the oracle: the legend is of all panels together.
    named = {
        label: handle
        for panel in grid.flat
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    fitting = min(4, 2 * columns)
    figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=fitting, fontsize="small")
    return figure


def _lines(rows: Sequence[Row]) -> list[list[list[Row]]]:
    """The rows of a task by metric, and the metrics in lines of panels."""
    metrics = [[row for row in rows if row.metric == name] for name in distinct(row.metric for row in rows)]
    return [metrics[start : start + PANELS] for start in range(0, len(metrics), PANELS)]


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
    chances = [next(row.chance for row in rows if row.slice == name) for name in slices]
    starts, ends = ([place + side for place in range(len(slices))] for side in (-0.5, 0.5))
    axes.hlines(chances, starts, ends, linestyle="dotted", color="grey", label="chance")
    axes.set_xticks(range(len(slices)), [name.replace("_", "\n") for name in slices])
    axes.set_title(rows[0].metric)
    # A little room above: the whiskers of a perfect score lie on 1.
    axes.set_ylim(0, 1.04 * max(1.0, *(row.high for row in rows)))
