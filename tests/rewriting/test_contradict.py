"""Contradictions by rule: every kind of caption, what is refused, and what the checker lets through."""

import csv
import json
import os
import re
from pathlib import Path

import pytest

from chronoclap.rewriting import Contradiction, Refused, contradict_caption, objection
from chronoclap.rewriting.reading import SEQUENCE_WORD

pytest.importorskip("lemminflect")
SHARED = os.environ.get("CHRONOCLAP_TEST_DATA", "")
CAPTIONS = Path(SHARED).parent.parent / "captions" if SHARED else Path("captions")


@pytest.mark.parametrize(
    ("caption", "method", "expected"),
    [
        # Events that stand alone change places, and the sentence keeps its capital and its full stop.
        ("A dog barks followed by a siren.", "swap", "A siren followed by a dog barks."),
        ("A man speaks, then a dog barks", "swap", "A dog barks, then a man speaks"),
        ("TV noise then a click", "swap", "A click then TV noise"),
        ("Rain falls before thunder rumbles", "swap", "Thunder rumbles before rain falls"),
        ("A baby cries shortly after a door slams", "swap", "A door slams shortly after a baby cries"),
        ("Thunder precedes rain", "swap", "Rain precedes thunder"),
        ("A hum, a click and finally a loud bang", "swap", "A loud bang, then a hum, a click"),
        ("A dog barks. Then a man speaks.", "swap", "A man speaks. Then a dog barks."),
        # What leans on what was said before it stays in its place.
        ("A man talking followed by another man", "invert", "A man talking preceded by another man"),
        ("Water drips then it stops dripping loudly", "invert", "Water drips after it stops dripping loudly"),
        ("Rattling is followed by flapping", "invert", "Rattling is preceded by flapping"),
        # A verb without its subject becomes a gerund.
        ("A car approaches and then drives off", "invert", "A car approaches after driving off"),
        (
            "A car approaches, drives by, and then honks",
            "invert",
            "A car approaches and drives by after honking",
        ),
        ("An engine idles then is revved up", "invert", "An engine idles after being revved up"),
        ("A man inhaling before talking", "invert", "A man inhaling after talking"),
        ("An engine starting up then running idle", "invert", "An engine starting up after running idle"),
        # Plurals that could be verbs.
        ("A man speaks then horns honk", "swap", "Horns honk then a man speaks"),
        ("Water runs and then dishes clang together", "swap", "Dishes clang together and then water runs"),
        # Leading clauses.
        ("After a bell rings, a train passes", "invert", "Before a bell rings, a train passes"),
        # What sounds at once is told in turn.
        ("A man speaks while a dog barks", "relation", "A man speaks, then a dog barks"),
        ("Music plays as people are talking", "relation", "Music plays, then people are talking"),
        # Other sentences stay as they are.
        (
            "Birds sing. A horn honks followed by a bang.",
            "swap",
            "Birds sing. A bang followed by a horn honks.",
        ),
    ],
)
def test_golden(caption: str, method: str, expected: str) -> None:
    assert contradict_caption(caption) == Contradiction(expected, method)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "caption",
    [
        "A dog barks and a man speaks",  # no order is told
        "A dog barks",
        "A man speaks followed by another man speaking",  # in another order it is the same
        "Gunfire before and after a man speaks",
        "An engine runs then stops",  # an end is no event
        "A crowd cheers loudly and then softly",
        "A woman speaking to a dog that then barks",
        "A car comes near, the helicopter then speeds away",
        "Typing followed a man speaking",  # a slip of the pen
        "A man sounds as if he is far away",
        "A door closes before can be heard a bell",  # nothing that could stand after "after"
    ],
)
def test_refused(caption: str) -> None:
    found = contradict_caption(caption)
    assert isinstance(found, Refused)
    assert found.reason


class TestChecker:
    CAPTION = "A dog barks followed by a man speaking"

    @pytest.mark.parametrize(
        "candidate",
        [
            "A man speaking followed by a dog barks",
            "A dog barks preceded by a man speaking",
            "A dog barks after a man speaks",
            "A man speaks, then the dog barks",
            "A dog barks while a man speaks",
        ],
    )
    def test_passes(self, candidate: str) -> None:
        assert objection(self.CAPTION, candidate) is None

    @pytest.mark.parametrize(
        ("candidate", "reason"),
        [
            ("a dog barks, followed by a man speaking!", "itself"),
            ("A man speaking preceded by a dog barks", "same order"),  # swapped and inverted
            ("A dog barks before a man speaks", "same order"),
            ("A man speaking after a dog barks", "same order"),
            ("A man speaking", "leaves out bark, dog"),
            ("A man speaking followed by a cat meowing", "leaves out bark, dog"),
            ("A man speaking followed by a dog barks and thunder", "adds thunder"),
            ("A dog barks and a man speaking", "no order"),
        ],
    )
    def test_objects(self, candidate: str, reason: str) -> None:
        assert reason in (objection(self.CAPTION, candidate) or "")


@pytest.mark.skipif(not CAPTIONS.is_dir(), reason="needs captions that people wrote (CHRONOCLAP_TEST_DATA)")
class TestRealCaptions:
    def test_most_that_tell_an_order_are_contradicted(self) -> None:
        with (CAPTIONS / "audiocaps_train.csv").open(newline="", encoding="utf-8") as file:
            captions = [row["caption"] for row in csv.DictReader(file)][:12_000]
        told = [caption for caption in captions if SEQUENCE_WORD.search(caption)]
        found = [contradict_caption(caption) for caption in told]
        assert sum(isinstance(one, Contradiction) for one in found) >= 0.9 * len(told)

    def test_simple_ones_are_contradicted_as_published(self) -> None:
        files = [CAPTIONS / f"dtu_audiocaps_future_past{kind}.json" for kind in ("", "_reverse", "_replace")]
        clips = zip(*(json.loads(file.read_text())["data"] for file in files), strict=True)
        rows = [[clip[f"caption_{n}"] for clip in three] for three in clips for n in range(1, 6)]
        simple = [r for r in rows if [w.lower() for w in SEQUENCE_WORD.findall(r[0])] == ["followed"]]
        simple = [row for row in simple if "followed by" in row[0].lower()]

        def plain(text: str) -> list[str]:
            return re.sub(r"[^a-z0-9 ]", "", text.lower()).split()

        equal = 0
        for caption, *flips in simple:
            found = contradict_caption(caption)
            equal += isinstance(found, Contradiction) and plain(found.text) in map(plain, flips)
        assert len(simple) > 800
        assert equal >= 0.97 * len(simple)
