"""Reading a free caption: which events it names, and how they follow each other.

Captions of sounds are short and chain their events: "A man speaks, then a dog barks while rain falls". A
caption is read as parts with joints between them; what is within a part is left as it is.
"""

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["before", "after", "while", "list"]
"""Of a joint: its left part sounds before its right one, after it, at the same time; or only beside it in a
list whose last member is marked "finally", which tells the order of all."""


@dataclass(frozen=True, slots=True)
class Joint:
    """What joins two parts of a caption.

    Attributes:
        kind: what it says of the order of its neighbours.
        words: as the caption has it, such as "followed by" or "and then".
        start, end: where it stands in the caption.
        sure: whether it is surely a joint of two events: "then" is, "as" may be part of "such as".
    """

    kind: Kind
    words: str
    start: int
    end: int
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Read:
    """A caption as it was read.

    Attributes:
        text: the caption.
        parts: its parts in order of mention, one more than joints.
        joints: what joins them.
        uncertain: what could not be read, in words; empty where all is clear.
    """

    text: str
    parts: tuple[str, ...]
    joints: tuple[Joint, ...]
    uncertain: str = ""

    def ordered(self) -> list[tuple[int, int]]:
        """Pairs of parts of which the first sounds before the second, as far as neighbours tell."""
        return [
            (k, k + 1) if joint.kind == "before" else (k + 1, k)
            for k, joint in enumerate(self.joints)
            if joint.kind in ("before", "after")
        ]

    def times(self) -> tuple[int, ...]:
        """Of each part when it sounds, counted from 0; parts that sound at once have one number."""
        times = [0]
        for joint in self.joints:
            at = times[-1]
            if joint.kind == "before":
                times = [*(time + (time > at) for time in times), at + 1]
            elif joint.kind == "after":
                times = [*(time + (time >= at) for time in times), at]
            else:
                times.append(at)
        return tuple(times)

    def in_time(self) -> tuple[tuple[str, ...], ...]:
        """The parts in the order in which they sound, those at once side by side."""
        together: dict[int, list[str]] = {}
        for time, part in zip(self.times(), self.parts, strict=True):
            together.setdefault(time, []).append(part)
        return tuple(tuple(together[time]) for time in sorted(together))

    def spans(self) -> tuple[tuple[int, int], ...]:
        """Of each part where in the text it stands."""
        found, at = [], 0
        for part in self.parts:
            start = self.text.index(part, at)
            at = start + len(part)
            found.append((start, at))
        return tuple(found)


_BE = r"(?:(?:and|is|are|was|were|being) )*"
_HOW = r"(?:(?:immediately|shortly|directly|soon|then|just|right) )?"
_SOON = r"(?:(?:immediately|shortly|directly|quickly|closely|soon|up) )?"
_JOINTS: tuple[tuple[Kind, str], ...] = (
    ("before", rf"{_BE}{_HOW}followed {_SOON}by"),
    ("after", rf"{_BE}{_HOW}preceded {_SOON}by"),
    ("before", rf"(?:and )?{_HOW}(?:before|prior to)(?: (?:finally|eventually))?"),
    ("before", r"after which"),
    ("after", rf"{_HOW}after"),
    ("before", r"(?:and )?precedes?"),
    ("after", r"(?:and )?follows?"),
    ("before", r"(?:and|but)? ?then(?: (?:finally|later|eventually|suddenly|afterwards?))?"),
    ("before", r"and (?:finally|later|eventually|afterwards?|subsequently|next|lastly)"),
    ("before", r"(?:afterwards?|finally|eventually|subsequently),?"),
    ("while", r"(?:and |all )?(?:while|whilst)"),
    ("while", r"as"),
)
_JOINT = re.compile(
    "|".join(rf"(?P<j{k}>\b{words}\b)" for k, (_, words) in enumerate(_JOINTS)), re.IGNORECASE
)
_ALONE = r"(?=\s*(?:[.,;]|and\b|$))"
_IDIOMS = re.compile(
    "|".join(
        rf"\b{idiom}"
        for idiom in (
            r"and after\b",
            r"before and (?:\w+ly )?after\b",
            r"after and before\b",
            r"(?:every )?now and then\b",
            r"then again\b",
            r"(?:one|another|time|day|shot|looked) after\b",
            r"after (?:that|this)\b",
            rf"(?:(?:shortly|soon|right|immediately|directly|there|just) )?after{_ALONE}",
            rf"(?:(?:shortly|soon|right|immediately|directly|just) )?before{_ALONE}",
        )
    ),
    re.IGNORECASE,
)
_NOT_WHILE = re.compile(
    r"\b(?:as (?:if|though|well|soon|it|they|he|she)|(?:such|same|just) as|"
    r"\w+ as (?:a|an|the) \w+$|as \w+ as)\b",
    re.IGNORECASE,
)
SEQUENCE_WORD = re.compile(
    r"\b(?:followed|follows|following|preceded|precedes|proceeded|then|before|after|afterwards?|finally|"
    r"eventually|subsequently|later|next|until|prior to|lastly)\b",
    re.IGNORECASE,
)
"""Words by which a caption may tell an order."""

_LEADING = re.compile(
    r"^(?P<word>after|before|once|following|as soon as) (?P<first>[^,]+), (?P<rest>.+)$", re.IGNORECASE
)


def read_caption(caption: str) -> Read:
    """Read a caption into parts and joints.

    Args:
        caption: one or more sentences.

    Returns:
        Parts and joints; one part where no relation of events is told. "Before a dog barks, a man speaks" is
        read as its parts in order of mention, with the joint that they would have in the middle.
    """
    text = " ".join(caption.split())
    body = text.rstrip(" .!,;")
    idioms = [match.span() for match in _IDIOMS.finditer(body)]
    if leading := _LEADING.match(body):
        first, rest = leading["first"].strip(), leading["rest"].strip()
        # "Before B, A": B sounds after A.
        kind: Kind = "after" if leading["word"].lower() == "before" else "before"
        joint = Joint(kind, leading["word"], 0, leading.end("word"))
        more = SEQUENCE_WORD.search(rest)
        return Read(text, (first, rest), (joint,), "another order within it" if more else "")
    parts, joints, at = [], [], 0
    for match in _JOINT.finditer(body):
        inside = any(start < match.end() and match.start() < end for start, end in idioms)
        kind = next(kind for k, (kind, _) in enumerate(_JOINTS) if match[f"j{k}"] is not None)
        left, right = body[at : match.start()].strip(" ,.;"), body[match.end() :].strip(" ,.;")
        if inside or not left or not right:
            continue
        if kind == "while":
            around = body[max(0, match.start() - 25) : match.end() + 12]
            if _NOT_WHILE.search(around):
                continue
        joints.append(Joint(kind, match[0].strip(" ,"), match.start(), match.end(), kind != "while"))
        parts.append(left)
        at = match.end()
    parts.append(body[at:].strip(" ,.;"))
    told = SEQUENCE_WORD.search(body)
    orders = any(joint.kind != "while" for joint in joints)
    uncertain = ""
    if idioms and not orders:
        start, end = idioms[0]
        uncertain = f"'{body[start:end]}' tells no order that could be turned round"
    elif told and not orders:
        uncertain = f"'{told[0]}' joins no two events"
    return Read(text, tuple(parts), tuple(joints), uncertain)
