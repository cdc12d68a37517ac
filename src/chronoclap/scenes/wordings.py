"""The ways a caption can say what lies how in time, and which of them say the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from chronoclap.errors import DataError
from chronoclap.scenes.phrases import Form, phrase_key
from chronoclap.scenes.scene import Relation

Claimed = Relation | Literal["together"]
"""What a wording claims; "together" ("A and B") only says that all occur, so it contradicts no order."""

_NOUNS: tuple[Form, ...] = ("bare", "article", "sound")
_ALL: tuple[Form, ...] = ("bare", "article", "sound", "clause")


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to connect events in a caption.

    Args:
        name: by which protocols ask for it.
        relation: what it claims.
        joints: what stands between two events; the first is the usual one, others differ in commas only.
        opening: what stands before the first mentioned event.
        closing: what stands after the last mentioned event.
        inner: what stands between three or more events, except before the last; None: the joint.
        reverse: the event mentioned first is the last to sound ("B after A").
        forms: forms of the phrases that read well in it; any form may still be asked for.
        nouns_follow: in clause form, events after the first mentioned are nouns ("a dog barks, followed by
            rain").
        most: the largest number of events it can take; None: no limit.
    """

    name: str
    relation: Claimed
    joints: tuple[str, ...] = ("",)
    opening: str = ""
    closing: str = ""
    inner: str | None = None
    reverse: bool = False
    forms: tuple[Form, ...] = _ALL
    nouns_follow: bool = False
    most: int | None = None

    def takes(self, n: int) -> bool:
        """Whether it can connect n events."""
        if self.relation == "single":
            return n == 1
        return n >= 2 and (self.most is None or n <= self.most)

    def mentions(self, n: int) -> tuple[int, ...]:
        """Which event (0 = first to sound, as the wording claims) is mentioned first, second, …"""
        return tuple(range(n))[::-1] if self.reverse else tuple(range(n))


_WORDINGS = (
    # One event.
    Wording("plain", "single"),
    Wording("sound-of", "single", opening="the sound of ", forms=("bare", "article")),
    Wording("heard", "single", closing=" can be heard", forms=_NOUNS),
    Wording("this-is", "single", opening="this is a sound of ", forms=("bare", "article")),
    Wording("you-hear", "single", opening="you can hear ", forms=_NOUNS),
    Wording("recording-of", "single", opening="a recording of ", forms=("bare", "article")),
    Wording("only", "single", opening="only ", closing=" can be heard", forms=_NOUNS),
    Wording("single-sound", "single", opening="single sound of ", forms=("bare", "article")),
    # One after the other, mentioned in the order in which they sound.
    Wording("then", "sequence", (" then ", ", then ")),
    Wording("followed-by", "sequence", (" followed by ", ", followed by "), nouns_follow=True),
    Wording("before", "sequence", (" before ",)),
    Wording("and-then", "sequence", (" and then ", ", and then ")),
    Wording("first-then", "sequence", (", then ",), opening="first "),
    Wording("and-later", "sequence", (" and later ", ", and later ")),
    Wording("afterwards", "sequence", (", and afterwards ",)),
    Wording("preceding", "sequence", (" preceding ", ", preceding "), forms=_NOUNS, most=2),
    Wording("giving-way", "sequence", (" giving way to ", ", giving way to "), forms=_NOUNS, most=2),
    Wording("starts-ends", "sequence", (" and ends with ",), opening="it starts with ", forms=_NOUNS, most=2),
    Wording("at-first", "sequence", (", then ",), opening="at first "),
    Wording(
        "first-second",
        "sequence",
        (", the second is ",),
        opening="the first sound is ",
        forms=("bare", "article"),
        most=2,
    ),
    Wording("until", "sequence", (" until ",), forms=("clause",), most=2),
    Wording("after-front", "sequence", (", ",), opening="after ", most=2),
    # One after the other, the last to sound mentioned first.
    Wording("after", "sequence", (" after ",), reverse=True),
    Wording("preceded-by", "sequence", (" preceded by ", ", preceded by "), reverse=True, nouns_follow=True),
    Wording("following", "sequence", (" following ",), reverse=True, nouns_follow=True, most=2),
    Wording("before-front", "sequence", (", ",), opening="before ", reverse=True, most=2),
    Wording("but-first", "sequence", (", but first ",), reverse=True, most=2),
    Wording(
        "coming-after", "sequence", (" coming after ", ", coming after "), reverse=True, forms=_NOUNS, most=2
    ),
    Wording(
        "beforehand", "sequence", (", with ",), closing=" beforehand", reverse=True, nouns_follow=True, most=2
    ),
    Wording(
        "ends-starts",
        "sequence",
        (" but starts with ",),
        opening="it ends with ",
        reverse=True,
        forms=_NOUNS,
        most=2,
    ),
    # At the same time: the order of mention says nothing.
    Wording("while", "overlap", (" while ",), forms=("bare", "clause"), most=2),
    Wording("as", "overlap", (" as ",), forms=("clause",), most=2),
    Wording("same-time", "overlap", (" and ",), closing=" at the same time", inner=", "),
    Wording("simultaneously", "overlap", (" and ",), closing=" simultaneously", inner=", "),
    Wording("over", "overlap", (" over ",), nouns_follow=True, most=2),
    Wording("during", "overlap", (" during ",), nouns_follow=True, most=2),
    Wording("together-with", "overlap", (" together with ",), nouns_follow=True, most=2),
    Wording("mixed-with", "overlap", (" mixed with ",), forms=_NOUNS, most=2),
    Wording(
        "accompanied-by", "overlap", (" accompanied by ", ", accompanied by "), nouns_follow=True, most=2
    ),
    Wording("amid", "overlap", (" amid ",), nouns_follow=True, most=2),
    Wording("overlapping", "overlap", (" overlapping with ",), forms=_NOUNS, most=2),
    Wording("at-once", "overlap", (" and ",), closing=" are heard at once", inner=", ", forms=_NOUNS),
    # Occurring together, whatever the order.
    Wording("and", "together", (" and ",), inner=", "),
    Wording(
        "combined-sound",
        "together",
        (" and ",),
        opening="combined sound of ",
        inner=", ",
        forms=("bare", "article"),
    ),
)

WORDINGS: dict[str, Wording] = {wording.name: wording for wording in _WORDINGS}
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
