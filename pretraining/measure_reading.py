"""How well compact models read the order that captions tell, by words alone.

    python pretraining/measure_reading.py compact-reader compact --data sounds/manifest.csv \\
        --captions audiocaps_val.csv clotho_validation.csv

Two tables, in per cent:

- of captions that people wrote (every column of CAPTIONS whose name begins with "caption"), those that the
  rules of `chronoclap rewrite` read as a sequence without doubt. A model reads one well where the words of
  each part, weighted by their saliency, sound more than one temperature after those of the part before. By
  the number of parts, and by what joins two;
- of the grammar's captions on the names of the validation split: every word of a later event more than 1.5
  temperatures after every word of an earlier one, words of one event within 1. Six draws of names in every
  form and variant of each wording, 60 captions of each at most.
"""

import argparse
import csv
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

import chronoclap
from chronoclap.data import by_split, read_manifest
from chronoclap.models.compact import CompactModel
from chronoclap.rewriting.reading import read_caption
from chronoclap.scenes import WORDINGS, Caption, caption, phrase_captions
from chronoclap.training.spans import owners
from chronoclap.training.told import told

TOGETHER = 128
SHOWN = 8
"""Joints that have a column: the most frequent."""
PLAIN = (("then", 2), ("then", 3), ("before", 2), ("after", 2), ("while", 2))


class Written(NamedTuple):
    """A caption that somebody wrote, how many parts it has, and what joins them."""

    caption: Caption
    parts: int
    joints: tuple[str, ...]


def sequences(files: Sequence[Path]) -> list[Written]:
    """Captions that surely tell an order, each once."""
    texts: dict[str, None] = {}
    for path in files:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                texts |= dict.fromkeys(said for key, said in row.items() if key.startswith("caption"))
    found = []
    for text in texts:
        read = read_caption(text)
        said = told(text).text
        if not read.uncertain and all(joint.sure for joint in read.joints) and said.claimed == "sequence":
            joints = (re.sub(r"\W+", " ", joint.words.lower()).strip() for joint in read.joints)
            found.append(Written(said, 1 + max(event for *_, event in said.spans), tuple(joints)))
    return found


@torch.inference_mode()
def read(model: CompactModel, captions: Sequence[Caption]) -> Iterator[tuple[int, Tensor, Tensor, Tensor]]:
    """Of each caption its number, and of its named words when they sound, their saliency and their event."""
    order = sorted(range(len(captions)), key=lambda k: len(captions[k].text))
    for first in range(0, len(order), TOGETHER):
        numbers = order[first : first + TOGETHER]
        part = [captions[k] for k in numbers]
        time, saliency = model.text.read(*model.tokens([said.text for said in part]))
        for k, at, counts, owner in zip(numbers, time, saliency, owners(part, model), strict=True):
            named = owner >= 0
            yield k, at[named], counts[named] + 1e-6, owner[named]


def parts_in_order(model: CompactModel, captions: Sequence[Caption]) -> np.ndarray:
    """Whether each caption's parts are read in their order: (captions,) bool."""
    right = np.zeros(len(captions), bool)
    for k, time, saliency, owner in read(model, captions):
        events = range(int(owner.max()) + 1)
        at = [float((time * saliency)[owner == e].sum() / saliency[owner == e].sum()) for e in events]
        right[k] = bool((np.diff(at) > 1).all())
    return right


def words_in_order(model: CompactModel, captions: Sequence[Caption]) -> float:
    """Share of captions of which every word is read where it belongs."""
    right = np.zeros(len(captions), bool)
    for k, time, _, owner in read(model, captions):
        passed, later = time[:, None] - time, (owner[:, None] - owner) * (captions[k].claimed == "sequence")
        right[k] = bool((((passed > 1.5) | (later <= 0)) & ((passed.abs() < 1) | (later != 0))).all())
    return float(right.mean())


def grammar(model: CompactModel, names: Sequence[str]) -> list[float]:
    """Shares read well: of `PLAIN`, then of all wordings of two and of three events."""
    rng = np.random.default_rng(5)

    def drawn(n: int) -> list[str]:
        return [names[int(i)] for i in rng.choice(len(names), n, replace=False)]

    shares = [words_in_order(model, [caption(drawn(n), w) for _ in range(120)]) for w, n in PLAIN]
    for n in (2, 3):
        fitting = [w.name for w in WORDINGS.values() if w.relation == "sequence" and w.taking(n)]
        each = [
            [said for _ in range(6) for said in phrase_captions(drawn(n), "sequence", w)] for w in fitting
        ]
        shares.append(float(np.mean([words_in_order(model, _some(captions, rng)) for captions in each])))
    return shares


def _some(captions: list[Caption], rng: np.random.Generator) -> list[Caption]:
    return [captions[int(k)] for k in rng.permutation(len(captions))[:60]]


def row(name: str, shares: Sequence[float]) -> str:
    """A line of a table."""
    return f"| `{name}` | {' | '.join(f'{100 * share:.0f}' for share in shares)} |"


def head(titles: Sequence[str]) -> str:
    """The first lines of a table."""
    return f"| | {' | '.join(titles)} |\n|{'---|' * (len(titles) + 1)}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", help="names or directories of compact models that read order")
    parser.add_argument("--captions", nargs="+", type=Path, default=[], help="tables of captions")
    parser.add_argument("--data", help="manifest, for names of sounds")
    given = parser.parse_args()
    loaded = {Path(name).name: chronoclap.load(name).model for name in given.models}
    models = {name: model.eval() for name, model in loaded.items() if isinstance(model, CompactModel)}
    if len(models) < len(given.models):
        parser.error("other models than compact ones have no reading that could be asked for")
    warnings.simplefilter("ignore", UserWarning)
    if written := sequences(given.captions):
        parts = Counter(said.parts for said in written)
        joints = Counter(said.joints for said in written if said.parts == 2)
        shown = [words for words, _ in joints.most_common(SHOWN)]
        print(
            head(
                [f"all ({len(written)})"]
                + [f"{n} parts ({count})" for n, count in sorted(parts.items())]
                + [f"{' ... '.join(words)} ({joints[words]})" for words in shown]
            )
        )
        for name, model in models.items():
            right = parts_in_order(model, [said.caption for said in written])
            chosen = [[said.parts == n for said in written] for n in sorted(parts)]
            chosen += [[said.parts == 2 and said.joints == words for said in written] for words in shown]
            print(row(name, [right.mean(), *(right[some].mean() for some in chosen)]))
        print()
    if given.data is not None:
        names = sorted({event.phrase for event in by_split(read_manifest(given.data), "val")})
        print(head([f"{wording}, {n} events" for wording, n in PLAIN] + ["all, 2 events", "all, 3 events"]))
        for name, model in models.items():
            print(row(name, grammar(model, names)))


if __name__ == "__main__":
    main()
