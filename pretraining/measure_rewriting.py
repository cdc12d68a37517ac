"""How well captions are contradicted by rule, on captions that people wrote, with samples to read.

    python pretraining/measure_rewriting.py CAPTIONS [--seed 0] [--samples 60]

CAPTIONS holds `audiocaps_train.csv` (AudioCaps) and `dtu_audiocaps_future_past{,_reverse,_replace}.json` (the
order-flipped captions of Oncescu et al. 2024). Printed are

- coverage: the share of captions with a word of sequence that are contradicted, and why others are not;
- agreement: the share of captions whose only such word is one "followed by" whose contradiction is one of the
  two published ones, case and punctuation aside;
- samples, each with its method, for a review by eye.
"""

import argparse
import csv
import json
import random
import re
from collections import Counter
from pathlib import Path

from chronoclap.rewriting import Contradiction, Refused, contradict_caption
from chronoclap.rewriting.reading import SEQUENCE_WORD


def plain(text: str) -> list[str]:
    """Its words without case and punctuation."""
    return re.sub(r"[^a-z0-9 ]", "", text.lower()).split()


def published(folder: Path) -> list[tuple[str, str, str]]:
    """Captions with their two published contradictions: events swapped, connective replaced."""
    files = [folder / f"dtu_audiocaps_future_past{kind}.json" for kind in ("", "_reverse", "_replace")]
    clips = zip(*(json.loads(file.read_text())["data"] for file in files), strict=True)
    numbers = range(1, 6)
    return [tuple(clip[f"caption_{n}"] for clip in three) for three in clips for n in numbers]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("captions", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, default=60)
    given = parser.parse_args()
    with (given.captions / "audiocaps_train.csv").open(newline="", encoding="utf-8") as file:
        captions = [row["caption"] for row in csv.DictReader(file)]
    told = [(caption, contradict_caption(caption)) for caption in captions if SEQUENCE_WORD.search(caption)]
    made = [(caption, found) for caption, found in told if isinstance(found, Contradiction)]
    refused = Counter(
        re.sub(r"'.*'", "'...'", found.reason) for _, found in told if isinstance(found, Refused)
    )
    print(f"coverage: {len(made)} of {len(told)}, {len(made) / len(told):.1%}")
    print(f"  {dict(Counter(found.method for _, found in made))}")
    for reason, count in refused.most_common(8):
        print(f"  refused {count}: {reason}")
    simple = [
        row
        for row in published(given.captions)
        if [w.lower() for w in SEQUENCE_WORD.findall(row[0])] == ["followed"]
        and "followed by" in row[0].lower()
    ]
    equal = 0
    for caption, *flips in simple:
        found = contradict_caption(caption)
        equal += isinstance(found, Contradiction) and plain(found.text) in map(plain, flips)
    print(f"agreement with published flips: {equal} of {len(simple)}, {equal / len(simple):.1%}")
    for caption, found in random.Random(given.seed).sample(made, given.samples):
        print(f"\n  {caption}\n    {found.method}: {found.text}")


if __name__ == "__main__":
    main()
