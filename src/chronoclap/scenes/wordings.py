"""The ways a caption can say what lies how in time, and which of them say the same.

`wordings.csv` lists them as English sentences with numbers for events, 1 for the first to sound: "2 preceded
by 1". The order of mention must say little, so a third of the sequence wordings mention the last event
first; and a text tower knows only connectives that it has met, so the list aims at whatever people write
rather than at what a protocol asks for; the plainest ("then", "before") are drawn more often. The styles of
`evaluation/tasks/wordings.py` are kept out of it: they show what a model makes of words that it was not
taught.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

from chronoclap.errors import DataError
from chronoclap.scenes.phrases import FORMS, Form, phrase_key
from chronoclap.scenes.scene import Relation

Claimed = Relation | Literal["together"]
"""What a wording claims; "together" ("A and B") only says that all occur, so it contradicts no order."""

_FORMS: dict[str, tuple[Form, ...]] = {
    "any": FORMS,
    "noun": ("bare", "article", "sound"),
    "name": ("bare", "article"),  # where "the sound of" stands already
    "clause": ("clause",),
    "bare or clause": ("bare", "clause"),
}


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around and between the events of a caption.

    Args:
        parts: what stands before the first mentioned event, between events, and after the last; of three
            events ("1, 2 and 3") what stands between the first two stands between all but the last two.
    """

    parts: tuple[str, ...]

    def takes(self, n: int) -> bool:
        """Whether it can hold n events."""
        return n == len(self.parts) - 1 or (len(self.parts) == 4 and n > 1)

    def before(self, position: int, n: int) -> str:
        """What stands before the event mentioned at a position, from 0, of n."""
        if position == 0:
            return self.parts[0]
        return self.parts[-2] if position == n - 1 else self.parts[1]

    @property
    def after(self) -> str:
        """What stands after the last event."""
        return self.parts[-1]

    @property
    def joint(self) -> str:
        """What stands between two events."""
        return self.parts[-2]

    @property
    def sentences(self) -> bool:
        """Whether it makes more than one sentence."""
        return any(". " in part for part in self.parts)


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to connect events in a caption.

    Args:
        name: by which protocols ask for it.
        relation: what it claims.
        weight: how often it is drawn, beside others of its relation.
        frames: its variants; protocols use the first.
        reverse: the event mentioned first is the last to sound ("B after A").
        forms: forms of the phrases that read well in it; any form may still be asked for.
        nouns_follow: in clause form, events after the first mentioned are nouns ("a dog barks, followed by
            rain").
    """

    name: str
    relation: Claimed
    weight: int
    frames: tuple[Frame, ...]
    reverse: bool
    forms: tuple[Form, ...]
    nouns_follow: bool

    def taking(self, n: int) -> list[Frame]:
        """Its variants that can hold n events."""
        return [frame for frame in self.frames if frame.takes(n)]

    def mentions(self, n: int) -> tuple[int, ...]:
        """Which event (0 = first to sound, as the wording claims) is mentioned first, second, …"""
        return tuple(range(n))[::-1] if self.reverse else tuple(range(n))


def _listed() -> Iterator[Wording]:
    """The wordings of the table.

    Raises:
        ValueError: a row's variants do not mention the events in the same direction, each once.
    """
    table = files("chronoclap.scenes").joinpath("wordings.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(table.splitlines()):
        texts = row["frames"].split(" | ")
        mentioned = [[int(number) for number in re.findall(r"\d", text)] for text in texts]
        reverse = mentioned[0][0] > 1
        for text, numbers in zip(texts, mentioned, strict=True):
            if sorted(range(1, len(numbers) + 1), reverse=reverse) != numbers:
                raise ValueError(f"wordings.csv, {row['name']}: {text!r} is out of order")
        yield Wording(
            row["name"],
            row["relation"],  # type: ignore[arg-type]
            int(row["weight"]),
            tuple(Frame(tuple(re.split(r"\d", text))) for text in texts),
            reverse,
            _FORMS[row["forms"]],
            row["nouns_follow"] == "yes",
        )


WORDINGS: dict[str, Wording] = {wording.name: wording for wording in _listed()}
"""All wordings by name; TeminAL uses "single-sound", "combined-sound" (stage A), "before" and "while" (B)."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a caption says, whatever its words: a relation, and events in order (sorted if it has none)."""

    relation: Claimed
    events: tuple[str, ...]


def find_wording(name: str) -> Wording:
    """The wording of that name.

    Raises:
        DataError: there is none.
    """
    if name not in WORDINGS:
        raise DataError(f"There is no wording {name!r}: use one of {', '.join(WORDINGS)}.")
    return WORDINGS[name]


def claim(relation: Claimed, phrases: Sequence[str]) -> Claim:
    """What is said of phrases given in order of time (any order where the relation has none)."""
    keys = tuple(phrase_key(phrase) for phrase in phrases)
    return Claim(relation, keys if relation in ("single", "sequence") else tuple(sorted(keys)))


def holds(said: Claim, known: Claim) -> bool:
    """Whether what is said is true of a scene of which another claim is known to be true.

    "A and B" is true of A and B however they lie in time.
    """
    return said == known or (said.relation == "together" and tuple(sorted(known.events)) == said.events)


def equivalent(
    wording_a: str, mentioned_a: Sequence[str], wording_b: str, mentioned_b: Sequence[str]
) -> bool:
    """Whether two captions say the same: "B after A" and "A before B" do, and so do "A while B" and "B while
    A".

    Args:
        wording_a: name of the first caption's wording.
        mentioned_a: its phrases in the order in which they are mentioned.
        wording_b: name of the second caption's wording.
        mentioned_b: its phrases in the order in which they are mentioned.
    """
    return _claim_of(wording_a, mentioned_a) == _claim_of(wording_b, mentioned_b)


def _claim_of(name: str, mentioned: Sequence[str]) -> Claim:
    wording = find_wording(name)
    return claim(wording.relation, [mentioned[k] for k in wording.mentions(len(mentioned))])
