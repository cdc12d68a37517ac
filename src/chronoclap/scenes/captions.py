"""Captions that are true of a scene, and captions that are not.

A caption is drawn in three steps: a wording, a form of the phrases that reads well in it, and a style
(sentence case, full stop, commas). A contradiction is a caption whose claim differs from the scene's claim,
so it can never be true by accident: swapping the events *and* inverting the connective gives back the same
claim and is never produced.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from chronoclap.errors import DataError
from chronoclap.scenes.phrases import FORMS, Form, operand
from chronoclap.scenes.scene import Relation, Scene
from chronoclap.scenes.wordings import WORDINGS, Claimed, Frame, Wording, claim, find_wording

Kind = Literal["order", "relation", "any"]

_ORDERLESS = ("overlap", "together")
_TRIES = 30  # per contradiction asked for: enough to find distinct texts among hundreds


@dataclass(frozen=True, slots=True)
class Caption:
    """A caption and where in it the events are named.

    Args:
        text: the caption.
        spans: (start, end, event) per event, in order of mention: `text[start:end]` are the words that name
            it, without article. Event 0 is the first to sound as the caption has it; where a caption claims
            no order, events count by onset if it describes a scene, by mention if it contradicts one.
        claimed: what it claims.
    """

    text: str
    spans: tuple[tuple[int, int, int], ...]
    claimed: Claimed

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class _Style:
    wording: Wording
    form: Form
    frame: Frame
    capital: bool = False
    stop: bool = False


def caption(what: Scene | Sequence[str], wording: str, form: Form = "bare") -> Caption:
    """The one caption of a fixed protocol: no variation in case, comma or full stop.

    Args:
        what: a scene, or phrases in order of time.
        wording: a name in `WORDINGS`; whether it is true of the scene is not checked.
        form: form of the phrases; "bare" keeps them to the letter.

    Raises:
        DataError: an unknown wording or form, or a wording that cannot take so many events.
    """
    phrases = _phrases(what)
    chosen = find_wording(wording)
    if form not in FORMS:
        raise DataError(f"There is no form {form!r}: use one of {', '.join(FORMS)}.")
    frames = chosen.taking(len(phrases))
    if not frames:
        raise DataError(f"Wording {wording!r} cannot take {len(phrases)} events: choose another.")
    return _write(phrases, _Style(chosen, form, frames[0]))


def phrase_captions(
    phrases: Sequence[str], relation: Claimed, wording: str | None = None, form: Form | None = None
) -> list[Caption]:
    """All captions of phrases in a relation, in no other style than the table's, for events without sound.

    Args:
        phrases: in order of time.
        relation: what the captions claim.
        wording: only this one; None: every wording of the relation.
        form: only this one; None: every form that reads well in the wording.

    Raises:
        DataError: the wording does not exist, has another relation or cannot take so many phrases.
    """
    if wording is None:
        chosen = [w for w in WORDINGS.values() if w.relation == relation]
    else:
        chosen = [find_wording(wording)]
        if chosen[0].relation != relation:
            raise DataError(
                f"Wording {wording!r} says {chosen[0].relation!r}, not {relation!r}: choose another."
            )
        if not chosen[0].taking(len(phrases)):
            raise DataError(f"Wording {wording!r} cannot take {len(phrases)} events: choose another.")
    return [
        _write(phrases, _Style(w, f, frame))
        for w in chosen
        for f in (w.forms if form is None else (form,))
        for frame in w.taking(len(phrases))
    ]


def describe(scene: Scene, seed: int) -> Caption:
    """One of the many captions that are true of a scene.

    Args:
        scene: any scene.
        seed: >= 0; chooses wording, form and style.
    """
    return describe_phrases(_phrases(scene), scene.relation, seed)


def describe_phrases(phrases: Sequence[str], relation: Claimed, seed: int) -> Caption:
    """`describe` without sound: phrases in order of time, and what is to be said of them."""
    mentioned, style = _draw(phrases, relation, np.random.default_rng([seed, 0]))
    drawn = _write(mentioned, style)
    if relation not in _ORDERLESS:
        return drawn
    # An order-free wording may mention the events in any order; the spans still count by onset.
    onset = _positions(phrases, mentioned)
    return replace(drawn, spans=tuple((start, end, onset[event]) for start, end, event in drawn.spans))


def contradict(scene: Scene, seed: int, n: int = 1, kind: Kind = "any") -> list[Caption]:
    """Captions of the same events that are false of a scene.

    The first one, where it contradicts the order, is the least change of `describe(scene, seed)`: its events
    swapped, or its connective inverted, never both. The others are drawn freely.

    Args:
        scene: any scene.
        seed: >= 0.
        n: how many, all different.
        kind: "order": another order of a sequence; "relation": "at the same time" of a sequence, an order of
            events that sound together; "any": either.

    Returns:
        n captions; fewer, or none, where there are no more: for a single event, for `kind` "order" of
        events that sound together or have the same phrase.
    """
    return contradict_phrases(_phrases(scene), scene.relation, seed, n, kind)


def contradict_phrases(
    phrases: Sequence[str], relation: Claimed, seed: int, n: int = 1, kind: Kind = "any"
) -> list[Caption]:
    """`contradict` without sound: phrases in order of time, and what holds of them.

    Nothing contradicts "together".
    """
    if kind not in ("order", "relation", "any"):
        raise DataError(f"There is no kind of contradiction {kind!r}: use order, relation or any.")
    if relation == "together":
        return []
    truth = claim(relation, phrases)
    reorders = relation == "sequence" and len(set(truth.events)) > 1
    kinds: list[Kind] = []
    if reorders and kind != "relation":
        kinds.append("order")
    if relation != "single" and kind != "order":
        kinds.append("relation")
    if not kinds:
        return []
    rng = np.random.default_rng([seed, 1])
    found: dict[str, Caption] = {}
    for attempt in range(n * _TRIES):
        if len(found) == n:
            break
        chosen = kinds[int(rng.integers(len(kinds)))]
        if chosen == "relation":
            other: Relation = "overlap" if relation == "sequence" else "sequence"
            anyhow = [phrases[int(k)] for k in rng.permutation(len(phrases))]
            mentioned, style = _draw(anyhow, other, rng)
        elif attempt == 0:
            mentioned, style = _least_change(phrases, seed, rng)
        else:
            mentioned, style = _draw(_shuffled(phrases, rng), relation, rng)
        if claim(style.wording.relation, mentioned) != truth:
            false = _write(mentioned, style)
            found.setdefault(false.text, false)
    return list(found.values())


def _least_change(phrases: Sequence[str], seed: int, rng: np.random.Generator) -> tuple[list[str], _Style]:
    """The true caption of this seed with its events in another order, or with its connective inverted."""
    _, style = _draw(phrases, "sequence", np.random.default_rng([seed, 0]))
    if rng.random() < 0.5:
        return _shuffled(phrases, rng), style
    opposite = [
        w
        for w in WORDINGS.values()
        if w.relation == "sequence"
        and w.reverse != style.wording.reverse
        and w.taking(len(phrases))
        and style.form in w.forms
    ]
    wording = _drawn(opposite, rng)
    # The order of mention stays and the direction turns: the order claimed is that of the scene, reversed.
    return list(phrases)[::-1], replace(style, wording=wording, frame=_one_of(wording, len(phrases), rng))


def _shuffled(phrases: Sequence[str], rng: np.random.Generator) -> list[str]:
    """The phrases in any order but the given one."""
    order = [int(k) for k in rng.permutation(len(phrases))]
    if order == sorted(order):
        order = order[1:] + order[:1]
    return [phrases[k] for k in order]


def _draw(phrases: Sequence[str], relation: Claimed, rng: np.random.Generator) -> tuple[list[str], _Style]:
    """Phrases in the order claimed (any, where the relation has none) and how to write them."""
    fitting = [w for w in WORDINGS.values() if w.relation == relation and w.taking(len(phrases))]
    if not fitting:
        raise DataError(f"No wording says {relation!r} of {len(phrases)} events.")
    wording = _drawn(fitting, rng)
    form = wording.forms[int(rng.integers(len(wording.forms)))]
    frame = _one_of(wording, len(phrases), rng)
    capital, stop = rng.random(2) < 0.5
    ordered = list(phrases)
    if relation in _ORDERLESS:
        ordered = [phrases[int(k)] for k in rng.permutation(len(phrases))]
    return ordered, _Style(wording, form, frame, bool(capital), bool(stop))


def _drawn(wordings: Sequence[Wording], rng: np.random.Generator) -> Wording:
    """One of them, by their weights."""
    reached = np.cumsum([wording.weight for wording in wordings])
    return wordings[int(np.searchsorted(reached, rng.integers(reached[-1]), side="right"))]


def _one_of(wording: Wording, n: int, rng: np.random.Generator) -> Frame:
    """Any variant of a wording that can hold n events."""
    frames = wording.taking(n)
    return frames[int(rng.integers(len(frames)))]


def _write(phrases: Sequence[str], style: _Style) -> Caption:
    """Put phrases, given in the order claimed, into words."""
    wording, frame = style.wording, style.frame
    mentions = wording.mentions(len(phrases))
    text, spans = "", []
    for position, event in enumerate(mentions):
        text += frame.before(position, len(mentions))
        noun = style.form == "clause" and position > 0 and wording.nouns_follow
        before, words, after = operand(phrases[event], "article" if noun else style.form)
        begins = len(text)
        text += before
        spans.append((len(text), len(text) + len(words), event))
        text += words + after
        if text[:begins].endswith(". "):
            text = _capital(text, begins)
    text += frame.after
    if style.capital or frame.sentences:
        text = _capital(text, 0)
    if (style.stop or frame.sentences) and not text.endswith((".", "!", "?")):
        text += "."
    return Caption(text, tuple(spans), wording.relation)


def _capital(text: str, at: int) -> str:
    """The text with a capital letter at a place, unless that would make it longer and move the spans."""
    letter = text[at : at + 1].upper()
    return text[:at] + letter + text[at + 1 :] if len(letter) == 1 else text


def _positions(phrases: Sequence[str], mentioned: Sequence[str]) -> list[int]:
    """For each mentioned phrase its index in `phrases`; equal phrases are taken from left to right."""
    left = list(enumerate(phrases))
    found = []
    for phrase in mentioned:
        at = next(k for k, (_, other) in enumerate(left) if other == phrase)
        found.append(left.pop(at)[0])
    return found


def _phrases(what: Scene | Sequence[str]) -> list[str]:
    if isinstance(what, Scene):
        return [event.phrase for event in what.events]
    return list(what)
