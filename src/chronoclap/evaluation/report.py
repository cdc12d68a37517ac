"""Run every temporal evaluation on some models, and print or keep what comes out."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Group
from rich.table import Table

from chronoclap.errors import DataError, ModelError
from chronoclap.evaluation import controls, t_classify, zero_shot
from chronoclap.evaluation import oracle as oracle_halves
from chronoclap.evaluation.embedder import Embedder
from chronoclap.evaluation.items import PAIR_SLICES, Pair, draw_pairs
from chronoclap.evaluation.recordings import RATE, readable
from chronoclap.evaluation.rows import Row, distinct
from chronoclap.scenes.event import Event
from chronoclap.scenes.sounds import Sounds

Note = Callable[[str], object]
SHOWN_PROBLEMS = 5


def evaluate_temporal(
    embedders: Sequence[Embedder],
    events: Sequence[Event],
    split: str = "test",
    oracle: Embedder | None = None,
    seed: int = 0,
    n_pairs: int = 400,
    progress: bool = False,
    *,
    pairs: Sequence[Pair] | None = None,
    note: Note = print,
) -> list[Row]:
    """Run T-Classify, its controls and zero-shot classification on the same items for every model.

    A recording that cannot be read is left out for all models and reported. A slice without items has no
    rows, which is reported too.

    Args:
        embedders: the models, their names distinct.
        events: the whole manifest; classes of ESC-50 are gathered from all its splits.
        split: the split to evaluate on.
        oracle: the model whose halves make the rows of "oracle-halves"; None leaves them out.
        seed: of the draw of pairs and of the bootstrap.
        n_pairs: pairs for each slice.
        progress: show the models' progress bars.
        pairs: a list kept from another run, in place of a new draw.
        note: called with each remark for the reader.

    Returns:
        The rows, model by model, the oracle last.

    Raises:
        DataError: the split has no events.
        ModelError: two models have one name.
        AudioError: no recording can be read.
    """
    names = [embedder.name for embedder in embedders]
    if len({*names, oracle_halves.ORACLE}) <= len(names):
        raise ModelError(
            f"The models are named {names}: give each a name of its own, none '{oracle_halves.ORACLE}'."
        )
    chosen = [event for event in events if event.split == split]
    if not chosen:
        raise DataError(
            f"No event is in the split '{split}'; the manifest has {sorted({e.split for e in events})}."
        )
    sounds = Sounds(rate=RATE)
    kept = _played(chosen, sounds, note)
    pairs = draw_pairs(kept, n_pairs, seed) if pairs is None else _kept_pairs(pairs, sounds, note)
    present = {pair.slice for pair in pairs}
    for name in (name for name in PAIR_SLICES if name not in present):
        note(f"The slice '{name}' has no pairs of recordings, and no rows.")
    labels, esc50 = zero_shot.event_labels(chosen), zero_shot.esc50_labels(events)
    rows: list[Row] = []
    for embedder in embedders:
        if pairs:
            rows += _order_rows(embedder, pairs, sounds, seed, progress, note)
        rows += zero_shot.evaluate(embedder, kept, labels, esc50, seed=seed, progress=progress)
    if oracle is not None and pairs:
        rows += oracle_halves.evaluate(oracle, pairs, sounds, seed=seed, progress=progress)
    return rows


def _played(events: Sequence[Event], sounds: Sounds, note: Note) -> list[Event]:
    kept, problems = readable(events, sounds)
    if problems:
        note(f"{len(problems)} of {len(events)} recordings cannot be read and are left out:")
        for problem in problems[:SHOWN_PROBLEMS]:
            note(f"  {problem}")
        if len(problems) > SHOWN_PROBLEMS:
            note(f"  ... and {len(problems) - SHOWN_PROBLEMS} more.")
    return kept


def _kept_pairs(pairs: Sequence[Pair], sounds: Sounds, note: Note) -> list[Pair]:
    """The pairs of a given list whose recordings can both be read."""
    events = distinct(event for pair in pairs for event in (pair.first, pair.second))
    kept = set(_played(events, sounds, note))
    return [pair for pair in pairs if pair.first in kept and pair.second in kept]


def _order_rows(
    embedder: Embedder, pairs: Sequence[Pair], sounds: Sounds, seed: int, progress: bool, note: Note
) -> list[Row]:
    audio = t_classify.embed_pair_sounds(embedder, pairs, sounds, progress=progress)
    control = controls.evaluate(embedder, pairs, sounds, audio=audio, seed=seed)
    if not any(row.metric == "text_bias" for row in control):
        note(f"{embedder.name} scores both orders of every pair alike: text_bias has no scale, and no rows.")
    return [*t_classify.evaluate(embedder, pairs, sounds, audio=audio, seed=seed), *control]


def tables(rows: Sequence[Row]) -> Group:
    """Lay rows out for the terminal: a table for each task, a column for each model, oracle and chance last.

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
    cells = {(row.model, row.metric, row.slice): row for row in rows}
    # Three models fit 80 columns: a cell then breaks before its bracket.
    table = Table(title=rows[0].task, title_justify="left", box=SIMPLE, pad_edge=False)
    table.add_column("metric", no_wrap=True)
    table.add_column("slice (n)", min_width=len("class_unseen"))
    for model in models:
        title = model.replace("-", " ") if model == oracle_halves.ORACLE else model
        table.add_column(title, justify="right", min_width=len("(0.00–0.00)"), overflow="fold")
    table.add_column("chance", no_wrap=True)
    for metric, name in distinct((row.metric, row.slice) for row in rows):
        line = [cells.get((model, metric, name)) for model in models]
        first = next(row for row in line if row is not None)
        values = [f"{row.value:.3f} ({row.low:.2f}–{row.high:.2f})" if row else "–" for row in line]
        table.add_row(metric, f"{name} ({first.n})", *values, f"{first.chance:.3f}")
    return table


def write_json(rows: Sequence[Row], path: str | Path) -> None:
    """Write rows as one flat JSON list; the file appears whole or not at all.

    Args:
        rows: the rows.
        path: file to write.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps([row.to_dict() for row in rows], indent=1) + "\n", encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


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
