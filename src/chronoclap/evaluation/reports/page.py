"""A report as one HTML page that needs nothing else, and as Markdown."""

import io
from collections.abc import Callable, Sequence
from functools import partial
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from chronoclap.errors import ChronoclapError
from chronoclap.evaluation.reports.details import Details
from chronoclap.evaluation.reports.plots import figure_of, heat_map
from chronoclap.evaluation.reports.protocols import PROTOCOLS, Protocol
from chronoclap.evaluation.reports.record import Record
from chronoclap.evaluation.reports.sweep_plots import draw_sweeps
from chronoclap.evaluation.rows import ALL, Row, distinct
from chronoclap.evaluation.tasks.oracle import ORACLE

SUMMARY = (
    ("T-Classify, sound to text", "t_classify", "audio_to_text"),
    ("T-Classify, text to sound", "t_classify", "text_to_audio"),
    ("T-Classify, all four right", "t_classify", "joint"),
    ("the same, worded as AudioTime's", "wordings_audiotime", "joint"),
    ("the same, worded as AudioCaps'", "wordings_audiocaps", "joint"),
    ("CompA's form, group", "order_compa", "group"),
    ("TACT's form, before", "order_tact", "before"),
    ("TACT's form, after", "order_tact", "after"),
    ("three in a row, sound to text", "three_events", "audio_to_text"),
    ("ZSTE 1", "zste_1", "single"),
    ("ZSTE 2", "zste_2", "mixed"),
    ("ZSTE 3", "zste_3", "mixed"),
    ("ZSTE 4", "zste_4", "mixed"),
    ("ZSTE 5, apart", "zste_5", "mixed_apart"),
    ("zero-shot, own names", "zero_shot", "top1"),
    ("zero-shot, ESC-50's names", "zero_shot_esc50", "top1"),
    ("zero-shot, all names, mAP", "zero_shot_tags", "map"),
    ("retrieval, mAP@10", "retrieval", "text_to_audio_map10"),
    ("true captions", "captions", "true"),
    ("captions find recordings, R@1", "captioned_retrieval", "text_to_audio_r1"),
)
"""What stands at the top: title, task, metric; of all items."""
MOST_LABELS = 120  # a heat map of more cannot be read


def percent(value: float) -> str:
    """A share in per cent, with one decimal."""
    return f"{100 * value:.1f}"


def shown(row: Row) -> str:
    """The value of a row: in per cent, but for ranks."""
    return f"{row.value:.0f}" if row.metric.endswith("medr") else percent(row.value)


def between(row: Row) -> str:
    """Its 95 % interval."""
    if row.metric.endswith("medr"):
        return f"{row.low:.0f}–{row.high:.0f}"
    return f"{100 * row.low:.0f}–{100 * row.high:.0f}"


def tables_of(rows: Sequence[Row], models: Sequence[str]) -> list[dict[str, Any]]:
    """A table for each task: its protocol, and a line for each metric, slice and point."""
    tables = []
    for task in distinct(row.task for row in rows):
        own = [row for row in rows if row.task == task]
        cells = {(row.model, row.metric, row.slice, row.at): row for row in own}
        keys = distinct((row.metric, row.slice, row.at) for row in own)
        lines = []
        for key in keys:
            of_key = [cells.get((model, *key)) for model in models]
            first = next(row for row in of_key if row is not None)
            lines.append({"row": first, "cells": of_key})
        protocol = PROTOCOLS.get(task, Protocol("", "", ""))
        tables.append({"task": task, "protocol": protocol, "lines": lines, "rows": own})
    return tables


def summary_of(rows: Sequence[Row], models: Sequence[str]) -> list[dict[str, Any]]:
    """The main numbers: a line for each that was taken."""
    lines = []
    for title, task, metric in SUMMARY:
        of_key = {
            row.model: row
            for row in rows
            if (row.task, row.metric, row.slice, row.at) == (task, metric, ALL, None)
        }
        if of_key:
            cells = [of_key.get(model) for model in models]
            first = next(iter(of_key.values()))
            best = max((row.value for name, row in of_key.items() if name != ORACLE), default=None)
            lines.append({"title": title, "row": first, "cells": cells, "best": best})
    return lines


def write_html(record: Record, details: Sequence[Details]) -> str:
    """The page."""
    sections = tables_of(record.rows, record.models)
    for section in sections:
        curve = any(row.at is not None for row in section["rows"])
        section["curve"] = curve
        section["figure"] = None if curve else _svg(partial(figure_of, section["rows"], section["task"]))
    swept = [row for row in record.rows if row.at is not None]
    return _template("page.html.j2", autoescape=True).render(
        about=record.about,
        models=record.models,
        tested=[name for name in record.models if name != ORACLE],
        summary=summary_of(record.rows, record.models),
        sections=sections,
        sweeps=_svg(partial(draw_sweeps, swept)) if swept else None,
        details=[
            {
                "of": one,
                "map": _svg(partial(heat_map, one.confusion, one.labels))
                if 1 < len(one.labels) <= MOST_LABELS
                else None,
            }
            for one in details
        ],
        percent=percent,
        shown=shown,
        between=between,
    )


def write_markdown(record: Record) -> str:
    """The same numbers for a file in a repository."""
    return _template("page.md.j2", autoescape=False).render(
        about=record.about,
        models=record.models,
        tested=[name for name in record.models if name != ORACLE],
        summary=summary_of(record.rows, record.models),
        sections=tables_of(record.rows, record.models),
        percent=percent,
        shown=shown,
        between=between,
    )


def _template(name: str, autoescape: bool) -> Any:
    environment = Environment(
        autoescape=autoescape, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(
        files("chronoclap.evaluation.reports").joinpath(name).read_text(encoding="utf-8")
    )


def _svg(draw: Callable[[], Any]) -> str | None:
    """A figure as markup to be put into a page; None where there is no matplotlib to draw it."""
    file = io.StringIO()
    try:
        figure = draw()
    except ChronoclapError:
        return None
    from matplotlib import rc_context

    with rc_context({"svg.fonttype": "none"}):  # letters as letters: smaller, and they can be searched
        figure.savefig(file, format="svg")
    text = file.getvalue()
    return text[text.index("<svg") :]
