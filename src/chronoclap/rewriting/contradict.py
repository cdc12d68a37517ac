"""Contradicting a caption by rule: swap its events, or invert what joins them, never both.

Which of the two depends on what the words allow. Swapping moves an event to the front, where one that leans
on another ("another man", "it stops", "then drives off") would hang in the air; inverting the joint leaves
every word in its place.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from chronoclap.rewriting.checker import objection
from chronoclap.rewriting.reading import Joint, Read, read_caption
from chronoclap.rewriting.words import (
    ASPECTS,
    FADING,
    PARTICLES,
    POINTING,
    SOUNDING,
    THINGS,
    content,
    gerund_of,
    is_adverb,
    is_auxiliary,
    is_comparative,
    is_determiner,
    is_gerund,
    is_noun_only,
    is_third_person,
    is_unknown,
    is_verb_only,
    may_be_finite,
    names_something,
    verb_of,
    words_of,
)

Method = Literal["swap", "invert", "relation", "llm"]
"""How a contradiction was made: the events change places, the joint is turned round, what sounds at once
comes in turn, or a language model wrote it."""


OPENINGS = (
    "there is",
    "there are",
    "this is",
    "it is",
    "while ",
    "as ",
    "when ",
    "after ",
    "before ",
    "sounds like",
)
"""How a caption begins that makes no sense behind another event."""
BEGINNINGS = ("starting with", "starts with", "beginning with", "begins with")
"""How one begins that can be first only."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A caption of the same events that is false where the original is true."""

    text: str
    method: Method


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a caption is not contradicted."""

    reason: str


def contradict_caption(caption: str) -> Contradiction | Refused:
    """Contradict what a caption says of the order of its events.

    Args:
        caption: free text.

    Returns:
        The first way that the words allow and the checker passes, or why there is none.

    Example:
        >>> contradict_caption("A dog barks followed by a siren").text
        'A siren followed by a dog barks'
        >>> contradict_caption("A car approaches and then drives off").text
        'A car approaches after driving off'
    """
    read = read_caption(caption)
    joint = leading_joint(read)
    if joint is None:
        return Refused(read.uncertain or "no order is told")
    if read.uncertain:
        return Refused(read.uncertain)
    left, right = around(read, joint)
    if content(left) == content(right):
        return Refused("its events are alike: in another order they are the same")
    for part in (left, right):
        words = words_of(part)
        named = is_determiner(words[0]) or any(names_something(word) for word in words) if words else False
        if not named or set(content(part)) <= FADING:
            return Refused(f"'{part}' is no event of its own")
    found = [(method, text) for method, text in attempts(read, joint, left, right) if text is not None]
    reasons = []
    for method, text in found:
        told = as_sentence(text, read.text)
        reason = objection(read.text, told)
        if reason is None:
            return Contradiction(told, method)
        reasons.append(reason)
    return Refused(reasons[0] if reasons else "no rule fits its words")


def leading_joint(read: Read) -> Joint | None:
    """The joint that tells most plainly of an order, or of events at once if none does."""
    plain = [joint for joint in read.joints if "ed by" in joint.words.lower()]
    ordered = [joint for joint in read.joints if joint.kind in ("before", "after")]
    return next(iter([*plain, *ordered, *read.joints]), None)


def around(read: Read, joint: Joint) -> tuple[str, str]:
    """All that is said before a joint and all that is said after it, within its sentence."""
    if joint.start == 0:
        return read.parts[0], read.parts[1]
    body = read.text.rstrip(" .!,;")
    return body[: joint.start].strip(" ,.;"), body[joint.end :].strip(" ,;")


def attempts(read: Read, joint: Joint, left: str, right: str) -> Sequence[tuple[Method, str | None]]:
    """Ways to contradict, the most natural first; None where the words do not allow one."""
    if joint.kind == "while":
        return [("relation", in_turn(left, right))]
    leaning = elliptical(right, left) or begins_with_gerund(right)
    if leaning and (without_verb(left) or content(right) <= content(left)):
        return []
    hanging = words_of(left)[-1:] and words_of(left)[-1] in ("that", "which", "who")
    if broken(right) or hanging or left.lower().startswith(BEGINNINGS):
        return []
    if joint.start == 0:
        turned = {"after": "Before", "once": "Before", "following": "Before", "as soon as": "Before"}
        word = turned.get(joint.words.lower(), "After")
        return [("invert", f"{word} {left}, {right}")]
    if read.text[: joint.start].rstrip().endswith("."):  # "A dog barks. Then a man speaks."
        free = not (leans(right) or leans_back(left) or elliptical(right, left) or ". " in left + right)
        return [("swap", f"{right}. Then {small(left)}")] if free and joint.kind == "before" else []
    # Other sentences stay as they are.
    before, dot, left = left.rpartition(". ")
    right, stop, rest = right.partition(". ")

    def whole(text: str | None) -> str | None:
        return text and before + dot + (text[:1].upper() if dot else text[:1]) + text[1:] + stop + rest

    return [
        ("swap", whole(swap(read.text, joint, left, right))),
        ("invert", whole(invert(joint, left, right))),
    ]


def swap(text: str, joint: Joint, left: str, right: str) -> str | None:
    """The events change places around the joint."""
    if leans(right) or leans_back(left) or elliptical(right, left):
        return None
    words = joint.words
    agreeing = words.lower().split()[0] in ("is", "are", "was", "were", "being")
    if agreeing or (
        words.lower() != "followed by" and begins_with_gerund(right) and not begins_with_gerund(left)
    ):
        return None  # "is" agrees with its subject, and a gerund after "then" leans on it
    plain = (
        "then"
        if words.lower().split()[-1] in ("finally", "later", "eventually", "afterwards", "lastly")
        else words
    )
    comma = "," if "," in text[: joint.start].rstrip(" ")[-1:] or plain != words else ""
    return f"{right}{comma} {plain} {small(left)}"


def invert(joint: Joint, left: str, right: str) -> str | None:
    """The joint says the opposite, and all words stay where they are."""
    words = joint.words.lower().split()
    if "followed" in words or "preceded" in words:
        turned = {"followed": "preceded", "preceded": "followed"}
        kept = [
            turned.get(word, word) for word in words if word not in ("then", "and", "soon", "up", "closely")
        ]
        return f"{left} {' '.join(kept)} {right}"
    if words[-1] in ("follow", "follows"):
        return None
    if joint.kind == "after":
        return f"{listed(left)} {' '.join([*(w for w in words[:-1] if w != 'and'), 'before'])} {right}"
    told = after(right, left)
    if told is None or words[-1] in ("precede", "precedes"):
        return None
    # Of "then" and "finally" nothing is kept, of "shortly before" how soon it was.
    how = [word for word in words if word in ("just", "right", "shortly", "immediately", "directly", "soon")]
    return f"{listed(left)} {' '.join([*how, 'after'])} {told}"


def after(right: str, left: str) -> str | None:
    """What may stand after "after": a clause or an event as it is, a verb without its subject as a gerund."""
    if not elliptical(right, left):
        return right
    how, rest = split_adverbs(right)
    first, *others = rest.split(" ")
    first, comma = first.rstrip(","), "," if first.endswith(",") else ""
    if first.lower() in ("is", "are", "was", "were"):
        verb = "being" if not (others and is_gerund(others[0])) else others.pop(0)
    elif is_auxiliary(first) or first.endswith("ed") or verb_of(first.lower()) in FADING:
        return None
    elif is_gerund(first):
        verb = first
    else:
        verb = gerund_of(first)
    turned = " ".join([*how, verb + comma, *others])
    # Verbs that go on after it would have to follow suit.
    return None if goes_on_with_verb(others) else turned


def in_turn(left: str, right: str) -> str | None:
    """What sounds at once, told as one after the other."""
    first = words_of(right)[:1]
    if not first or leans(right) or leans_back(left) or begins_with_gerund(right) or elliptical(right, left):
        return None
    if not any(
        is_third_person(w) or is_gerund(w) or is_auxiliary(w) or is_verb_only(w) for w in words_of(right)[1:]
    ):
        return None  # "as a vehicle" and "as thunder" are no clauses
    return f"{left}, then {right}"


def leans(part: str) -> bool:
    """Whether a part needs what was said before it."""
    return any(word in POINTING for word in words_of(part))


def broken(right: str) -> bool:
    """Whether no event begins after a joint: "softly and it ends", or the second half of a subject, as in
    "banging and then whirring occur"."""
    first, *rest = split_adverbs(right)[1].lower().split(" ")
    if first in ("and", "or", "more", "left") or is_comparative(first) or verb_of(first) in FADING:
        return True
    return bool(is_gerund(first) and rest and rest[0] in ("occur", "are", "sound"))


def without_verb(left: str) -> bool:
    """Whether the last member of a list has no verb: "a man talks, the helicopter [then speeds away]"."""
    members = re.split(r", | and ", left)
    words = words_of(members[-1])
    return len(members) > 1 and not any(may_be_finite(w) or is_gerund(w) or is_verb_only(w) for w in words)


def leans_back(part: str) -> bool:
    """Whether a part cannot stand behind another: it begins with a word that opens a caption."""
    return part.lower().startswith(OPENINGS)


def split_adverbs(part: str) -> tuple[list[str], str]:
    """The adverbs that a part begins with, and the rest."""
    words = part.split(" ")
    count = 0
    while count < len(words) - 1 and is_adverb(words[count].lower().strip(",")):
        count += 1
    return words[:count], " ".join(words[count:])


def begins_with_gerund(part: str) -> bool:
    """Whether a part begins with one, adverbs aside: "running idle"."""
    return is_gerund(split_adverbs(part)[1].split(" ")[0].lower())


def elliptical(right: str, left: str) -> bool:
    """Whether a part is a verb whose subject is in the part before it: "drives off", "is turned off"."""
    words = words_of(split_adverbs(right)[1])
    if not words:
        return False
    first, second = words[0], (words[1] if len(words) > 1 else "")
    if is_auxiliary(first):
        return True
    if is_unknown(first) and first.endswith("s") and second not in ("and", "or"):
        return True
    if is_determiner(first) or not verb_of(first) or is_gerund(first):
        return False
    if first.endswith("ed"):  # "muffled speech" is a thing
        return second in PARTICLES or not any(is_noun_only(word) or is_gerund(word) for word in words[1:3])
    if first in THINGS:
        return False
    if is_third_person(first):
        if is_verb_only(first) or verb_of(first) in ASPECTS or second in PARTICLES:
            return True
        finite = (
            is_auxiliary(second) or second in SOUNDING or (is_verb_only(second) and not is_gerund(second))
        )
        return not finite and any(may_be_finite(word) for word in words_of(left)[1:])
    # "fly away" after "birds chirp": a bare verb, and no noun in front of it.
    return is_verb_only(first)


def goes_on_with_verb(words: list[str]) -> bool:
    """Whether a second finite verb is joined to the first: "drives off and honks"."""
    for before, word in pairwise(words):
        if before.lower().strip(",") in ("and", "then", "or") and is_third_person(word.lower().strip(",.")):
            return True
    return False


def listed(left: str) -> str:
    """A list that loses its last member needs its "and" before the one that is now the last."""
    head, comma, last = left.rpartition(", ")
    if comma and not {"and", "with"} & set(words_of(last)) and not head.endswith(","):
        return f"{head} and {last}"
    return left


def small(part: str) -> str:
    """With a small first letter, but for names and letters that stand alone."""
    first = part.split(" ")[0]
    return part if first.isupper() and len(first) > 1 else part[:1].lower() + part[1:]


def as_sentence(text: str, original: str) -> str:
    """With the original's first letter and its final mark."""
    text = " ".join(text.split())
    if original[:1].isupper():
        text = text[:1].upper() + text[1:]
    end = original.rstrip()[-1:]
    return text + (end if end in ".!" else "")
