"""The curves of several models: a panel for each sweep, a band for the intervals."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chronoclap.errors import DataError
from chronoclap.evaluation.reports.plots import new_figure
from chronoclap.evaluation.rows import Row, distinct
from chronoclap.evaluation.tasks.sweeps import SWEEPS
from chronoclap.evaluation.tasks.t_classify import TEMPLATE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = "os^Dv"  # of the models in turn, so that they are told apart without colour


def plot_sweeps(rows: Sequence[Row], path: str | Path, metric: str = "audio_to_text") -> None:
    """Write `draw_sweeps` of rows to a file.

    Args:
        rows: as for `draw_sweeps`.
        path: picture to write; its suffix names the format.
        metric: as for `draw_sweeps`.

    Raises:
        ChronoclapError: matplotlib is not installed.
        DataError: no row is of a sweep and this metric.
    """
    draw_sweeps(rows, metric).savefig(path)


def draw_sweeps(rows: Sequence[Row], metric: str = "audio_to_text") -> "Figure":
    """Draw the sweeps side by side: accuracy at each point, with its 95 % interval, a curve for each model.

    The models stand in the order of the rows; chance is a dotted line.

    Args:
        rows: the rows, of any tasks; sweeps without rows are left out.
        metric: which metric of the sweeps to draw.

    Returns:
        The figure.

    Raises:
        ChronoclapError: matplotlib is not installed.
        DataError: no row is of a sweep and this metric.
    """
    chosen = [
        (sweep, own)
        for sweep in SWEEPS
        if (own := [row for row in rows if row.task == sweep.task and row.metric == metric])
    ]
    if not chosen:
        raise DataError(f"No row is of a sweep and its metric {metric!r}: there is nothing to draw.")
    models = distinct(row.model for _, own in chosen for row in own)
    figure = new_figure(1.0 + 3.2 * len(chosen), 3.8)
    panels = figure.subplots(1, len(chosen), sharey=True, squeeze=False)[0]
    for axes, (sweep, own) in zip(panels, chosen, strict=True):
        for index, model in enumerate(models):
            _curve(axes, [row for row in own if row.model == model], model, index)
        axes.axhline(own[0].chance, linestyle="dotted", color="grey", label="chance")
        axes.set_title(sweep.task)
        axes.set_xlabel(sweep.unit)
        if sweep.points[0] > 0:  # from a quarter of a second to many
            axes.set_xscale("log")
            axes.set_xticks(sweep.points, [f"{at:g}" for at in sweep.points])
            axes.minorticks_off()
    panels[0].set_ylabel(metric)
    # A little room above: a perfect curve lies on 1.
    panels[0].set_ylim(0, 1.04)
    # Not every sweep has every model: the legend is of all panels together.
    named = {
        label: handle
        for axes in panels
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    title = f'"{TEMPLATE.format("A", "B")}", {chosen[0][1][0].n} pairs a point, 95 % intervals'
    figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=5, title=title)
    return figure


def _curve(axes: "Axes", rows: Sequence[Row], model: str, index: int) -> None:
    """Draw the points of one model, given in any order."""
    points = sorted((row.at, row.value, row.low, row.high) for row in rows if row.at is not None)
    if points:
        at, value, low, high = zip(*points, strict=True)
        axes.fill_between(at, low, high, color=f"C{index}", alpha=0.15, linewidth=0)
        axes.plot(at, value, color=f"C{index}", marker=MARKERS[index % len(MARKERS)], label=model)
