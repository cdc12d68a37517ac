"""Suites of evaluations, run on some models and the same items for all.

temporal: T-Classify, its controls, and zero-shot; zste: the five tasks of ZSTE; order: order tests in the
form of CompA and TACT, and three sounds in a row; wordings: T-Classify in words that no recipe's captions are
made of; sweeps: T-Classify with sounds moved apart, pushed together, made unlike or long; retrieval: of
single sounds. What two tasks play alike is embedded once.

Where recordings have several names, as in FSD50K, zero-shot is macro mAP over the names (`zero_shot_tags`) in
place of top-k, retrieval takes all names of a recording for right, and what asks about order is drawn of the
recordings that have one name.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from chronoclap.errors import DataError, ModelError
from chronoclap.evaluation.embedder import Embedder
from chronoclap.evaluation.items import PAIR_SLICES, Pair, draw_pairs
from chronoclap.evaluation.kept import Remembering
from chronoclap.evaluation.recordings import RATE, by_recording, once_named, readable
from chronoclap.evaluation.rows import Row, distinct
from chronoclap.evaluation.tasks import (
    controls,
    order,
    retrieval,
    sweeps,
    t_classify,
    three_events,
    wordings,
    zero_shot,
    zste,
)
from chronoclap.evaluation.tasks import oracle as oracle_halves
from chronoclap.evaluation.tasks.zste_items import ItemList, draw_items
from chronoclap.models.trunks import shared_trunks
from chronoclap.scenes.event import Event, in_split
from chronoclap.scenes.sounds import Sounds

Note = Callable[[str], object]
Suite = Literal["temporal", "zste", "order", "wordings", "sweeps", "retrieval", "all"]
SUITES = ("temporal", "zste", "order", "wordings", "sweeps", "retrieval")
SHOWN_PROBLEMS = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """What every model is asked about, alike.

    Attributes:
        suites: which of `SUITES`.
        events: the recordings of the split that can be read and have one name.
        tagged: an event for each name of each that can be read, where some have several; else none.
        labels: the names of the recordings with one, those that cannot be read among them.
        esc50: the classes of ESC-50 of the whole manifest.
        pairs: of T-Classify and what is asked on its sounds.
        triples: of three sounds in a row.
        items: of ZSTE; None where it is not asked for.
        sounds: where recordings are heard.
        seed: of the bootstrap.
        progress: show the models' progress bars.
    """

    suites: tuple[str, ...]
    events: list[Event]
    tagged: list[Event]
    labels: list[str]
    esc50: list[str]
    pairs: list[Pair]
    triples: list[three_events.Triple]
    items: ItemList | None
    sounds: Sounds
    seed: int
    progress: bool


def evaluate(
    embedders: Sequence[Embedder],
    events: Sequence[Event],
    suite: Suite = "all",
    split: str = "test",
    oracle: Embedder | None = None,
    seed: int = 0,
    n_pairs: int = 200,
    progress: bool = False,
    *,
    items: Sequence[Pair] | ItemList | None = None,
    note: Note = print,
) -> list[Row]:
    """Run a suite, or all, on the same items for every model: `choose_items`, then `ask`.

    Args:
        embedders: the models, their names distinct.
        oracle: as for `ask`.
        events, suite, split, seed, n_pairs, progress, items, note: as for `choose_items`.

    Returns:
        The rows, model by model, the oracle last.

    Raises:
        DataError: the split has no events, or too few classes.
        ModelError: two models have one name.
        AudioError: no recording can be read.
    """
    check_names(embedders)
    asked = choose_items(events, suite, split, seed, n_pairs, items=items, progress=progress, note=note)
    return ask(embedders, asked, oracle, note=note)


def check_names(embedders: Sequence[Embedder]) -> None:
    """Raise ModelError unless every model has a name of its own."""
    names = [embedder.name for embedder in embedders]
    if len({*names, oracle_halves.ORACLE}) <= len(names):
        raise ModelError(
            f"The models are named {names}: give each a name of its own, none '{oracle_halves.ORACLE}'."
        )


def of_split(events: Iterable[Event], split: str) -> list[Event]:
    """The events of a split, or of every one where it is "all"."""
    return [event for event in events if in_split(event.split, split)]


def choose_items(
    events: Sequence[Event],
    suite: Suite = "all",
    split: str = "test",
    seed: int = 0,
    n_pairs: int = 200,
    *,
    items: Sequence[Pair] | ItemList | None = None,
    progress: bool = False,
    note: Note = print,
) -> Asked:
    """Draw what is asked.

    A recording that cannot be read is left out for all models and reported. A slice without items has no
    rows, and what is not asked of recordings with several names is not either; both are reported.

    Args:
        events: the whole manifest, one for each recording and name; classes of ESC-50 are gathered from all
            its splits.
        suite: one of `SUITES`, or "all" of them.
        split: the split to evaluate on, or "all".
        seed: of the draw of items and of the bootstrap.
        n_pairs: pairs for each slice.
        items: a list kept from another run, in place of a new draw: of pairs, or of items of ZSTE, whose
            pairs and triples the other suites then ask about. Of pairs alone, triples are drawn from the
            seed.
        progress: show the models' progress bars.
        note: called with each remark for the reader.

    Raises:
        DataError: the split has no events, or too few classes.
        AudioError: no recording can be read.
    """
    chosen = of_split(events, split)
    if not chosen:
        raise DataError(
            f"No event is in the split '{split}'; the manifest has {sorted({e.split for e in events})}."
        )
    suites = SUITES if suite == "all" else (suite,)
    sounds = Sounds(rate=RATE)
    firsts = [own[0] for own in by_recording(chosen)]
    heard = {event.place for event in _played(firsts, sounds, note)}
    named = once_named(chosen)
    kept = [event for event in named if event.place in heard]
    tagged: list[Event] = []
    if len(named) < len(firsts):
        tagged = [event for event in chosen if event.place in heard]
        note(
            f"{len(firsts) - len(named)} of {len(firsts)} recordings have several names: zero-shot is mAP, "
            f"not top-k, and order is asked of the {len(named)} with one name."
        )
    labels, esc50 = zero_shot.event_labels(named), zero_shot.esc50_labels(events)
    pairs: list[Pair] = []
    if suite != "retrieval":
        pairs = draw_pairs(kept, n_pairs, seed) if items is None else _kept_pairs(items, sounds, note)
        present = {pair.slice for pair in pairs}
        for name in (name for name in PAIR_SLICES if name not in present):
            note(f"The slice '{name}' has no pairs of recordings, and no rows.")
    listed = None
    if "zste" in suites and pairs:
        listed = _kept_items(items, pairs) if isinstance(items, ItemList) else draw_items(pairs, labels, seed)
    triples: list[three_events.Triple] = []
    if "order" in suites and isinstance(items, ItemList):
        triples = _kept_triples(items.triples, sounds, note)
    elif "order" in suites:
        triples = draw_triples(kept, n_pairs, seed)
    return Asked(suites, kept, tagged, labels, esc50, pairs, triples, listed, sounds, seed, progress)


def ask(
    embedders: Sequence[Embedder], asked: Asked, oracle: Embedder | None = None, *, note: Note = print
) -> list[Row]:
    """Ask every model the same.

    Args:
        embedders: the models, their names distinct.
        asked: what.
        oracle: the model whose halves make the rows of "oracle-halves" where sounds in order are asked about;
            None leaves them out.
        note: called with each remark for the reader.

    Returns:
        The rows, model by model, the oracle last.
    """
    with shared_trunks([e.embedder if isinstance(e, Remembering) else e for e in embedders]):
        rows = [row for embedder in embedders for row in _rows(embedder, asked, note)]
    if oracle is not None:
        rows += _oracle_rows(oracle, asked)
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


def _kept_pairs(items: Sequence[Pair] | ItemList, sounds: Sounds, note: Note) -> list[Pair]:
    """The pairs of a given list whose recordings can both be read."""
    pairs = items.pairs if isinstance(items, ItemList) else items
    events = distinct(event for pair in pairs for event in (pair.first, pair.second))
    kept = set(_played(events, sounds, note))
    return [pair for pair in pairs if pair.first in kept and pair.second in kept]


def draw_triples(events: Sequence[Event], n_pairs: int, seed: int = 0) -> list[three_events.Triple]:
    """Draw what `three_events` asks: a quarter as many triples as pairs, for each has six sounds.

    Args:
        events: the recordings to draw from, of one split.
        n_pairs: pairs for each slice.
        seed: of the draw.

    Returns:
        The triples, slice after slice.
    """
    return three_events.draw_triples(events, max(1, n_pairs // 4), seed)


def _kept_triples(
    triples: Sequence[three_events.Triple], sounds: Sounds, note: Note
) -> list[three_events.Triple]:
    """The triples of a given list whose recordings can all be read."""
    if not triples:
        note("The list has no triples of recordings: three_events is not asked. Draw the list anew.")
        return []
    events = distinct(event for triple in triples for event in triple.events)
    kept = set(_played(events, sounds, note))
    return [triple for triple in triples if kept.issuperset(triple.events)]


def _kept_items(items: ItemList, pairs: Sequence[Pair]) -> ItemList:
    """The items whose pairs are among those given."""
    kept = set(pairs)
    return replace(items, items=tuple(item for item in items.items if item.pair in kept))


def _rows(embedder: Embedder, asked: Asked, note: Note) -> list[Row]:
    """The rows of one model."""
    suites, pairs, sounds, seed = asked.suites, asked.pairs, asked.sounds, asked.seed
    progress = asked.progress
    rows: list[Row] = []
    if pairs and not {"temporal", "order", "wordings"}.isdisjoint(suites):
        audio = t_classify.embed_pair_sounds(embedder, pairs, sounds, progress=progress)
        if "temporal" in suites:
            rows += t_classify.evaluate(embedder, pairs, sounds, audio=audio, seed=seed)
            rows += _control_rows(embedder, audio, asked, note)
        if "order" in suites:
            rows += order.evaluate(embedder, pairs, sounds, audio=audio, seed=seed)
        if "wordings" in suites:
            rows += wordings.evaluate(embedder, pairs, sounds, audio=audio, seed=seed)
    if pairs and "sweeps" in suites:
        few = len(pairs) if suites == ("sweeps",) else sweeps.N_PAIRS
        rows += sweeps.evaluate(embedder, pairs, sounds, n_pairs=few, seed=seed, progress=progress)
    if asked.triples:
        rows += three_events.evaluate(embedder, asked.triples, sounds, seed=seed, progress=progress)
    if asked.items is not None:
        rows += zste.evaluate(embedder, asked.items, sounds, seed=seed, progress=progress)
    if not {"temporal", "retrieval"}.isdisjoint(suites):
        every = asked.tagged or asked.events
        firsts = [own[0] for own in by_recording(every)]
        audio = zero_shot.embed_recordings(embedder, firsts, progress=progress)
        if "temporal" in suites and asked.tagged:
            names = zero_shot.event_labels(every)
            rows += zero_shot.evaluate_tags(embedder, every, names, audio=audio, seed=seed)
        elif "temporal" in suites:
            labels, esc50 = asked.labels, asked.esc50
            rows += zero_shot.evaluate(embedder, asked.events, labels, esc50, audio=audio, seed=seed)
        if "retrieval" in suites:
            rows += retrieval.evaluate(embedder, every, audio=audio, seed=seed)
    return rows


def _oracle_rows(oracle: Embedder, asked: Asked) -> list[Row]:
    """The rows of the bound on what the oracle's ear allows."""
    sounds, seed, progress = asked.sounds, asked.seed, asked.progress
    rows: list[Row] = []
    if "temporal" in asked.suites and asked.pairs:
        rows += oracle_halves.evaluate(oracle, asked.pairs, sounds, seed=seed, progress=progress)
    if asked.triples:
        given = asked.triples
        rows += oracle_halves.evaluate_three_events(oracle, given, sounds, seed=seed, progress=progress)
    if asked.items is not None:
        rows += oracle_halves.evaluate_zste(oracle, asked.items, sounds, seed=seed, progress=progress)
    return rows


def _control_rows(embedder: Embedder, audio: np.ndarray, asked: Asked, note: Note) -> list[Row]:
    rows = controls.evaluate(embedder, asked.pairs, asked.sounds, audio=audio, seed=asked.seed)
    if not any(row.metric == "text_bias" for row in rows):
        note(f"{embedder.name} scores both orders of every pair alike: text_bias has no scale, and no rows.")
    return rows
