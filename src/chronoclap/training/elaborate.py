"""Names of sounds as people write them: how, where and how long they sound, and what sounds with them.

The vocabulary has names of two words; captions that people write have "a dog barks several times in the
distance", "a man speaks while a machine runs", "it slows down". Who has learned to read on names alone loses
the thread in longer ones.

Source: ours; after forms that are common in AudioCaps' and Clotho's captions.
"""

from collections.abc import Sequence

import numpy as np

from chronoclap.scenes import FORMS, Caption, Form, Operand, operand

HOW = (
    "loudly",
    "softly",
    "quietly",
    "very quietly",
    "faintly",
    "briefly",
    "gently",
    "suddenly",
    "slowly",
    "rapidly",
    "continuously",
    "steadily",
    "repeatedly",
    "constantly",
    "intermittently",
    "at a steady pace",
    "at irregular intervals",
    "louder and louder",
    "with an echo",
    "in short bursts",
    "on and off",
    "twice",
    "three times",
    "several times",
    "a few times",
    "many times over",
    "again and again",
    "for a few seconds",
    "for two seconds",
    "for a long time",
    "with short pauses",
)
GOES_ON = (
    "and stops",
    "and fades away",
    "and gets louder",
    "and slows down",
    "and echoes",
    "and goes on",
)
"""Further words of a clause."""
WHERE = (
    "nearby",
    "close by",
    "far away",
    "in the distance",
    "in the room",
    "in a large hall",
    "in another room",
    "in the street",
    "on a hard surface",
    "outside",
    "outdoors",
    "indoors",
    "overhead",
    "behind a wall",
    "at a distance",
)
STOPS = (
    "it stops",
    "it starts again",
    "it stops abruptly",
    "it gets louder",
    "it gets quieter",
    "it slows down",
    "it speeds up",
    "it fades away",
    "it moves away",
    "it comes closer",
    "it gets louder and stops",
    "it is turned off",
    "he stops",
    "she goes on",
    "they stop",
)
"""What the sound before it does next, as a clause."""
STOPPING = (
    "stopping",
    "stopping abruptly",
    "starting again",
    "slowing down",
    "speeding up",
    "fading away",
    "moving away",
    "driving away",
    "coming closer",
    "getting louder",
    "growing quieter",
    "falling silent",
    "being turned off",
)
"""The same without a subject."""
SHARES = (0.6, 0.3, 0.1)
"""Of longer events: one sound and how or where it sounds; two at once; what the one before does next."""


def elaborate(
    said: Caption, phrases: Sequence[str], others: Sequence[str], rng: np.random.Generator
) -> Caption:
    """A caption with two in three of its events in more words.

    Args:
        said: as `describe_phrases` writes it.
        phrases: n names of its events, in order of time.
        others: n names of what may sound with each of them.
        rng: draws the forms.

    Returns:
        A caption that claims the same of longer events; an event of two sounds has a span for each.
    """
    text, spans, at = "", [], 0
    for start, end, event in said.spans:
        form, written = _written(said.text[:start], said.text[start:], phrases[event])
        kind = int(rng.choice(3, p=SHARES)) if rng.random() < 2 / 3 else None
        if kind == 2 and said.claimed == "sequence" and event > 0 and form in ("bare", "clause"):
            text += said.text[at : start - len(written.before)]
            longer = [("", _one_of(STOPS if form == "clause" else STOPPING, rng))]
            end += len(written.after)
        else:
            text += said.text[at:start]
            words = said.text[start:end]
            if kind == 0:
                words = " ".join([words, *_tails(form, bool(written.after), rng)])
            longer = [("", words)]
            if kind == 1:
                longer += [_with(others[event], form, rng)]
        for joint, words in longer:
            text += joint
            spans.append((len(text), len(text) + len(words), event))
            text += words
        at = end
    return Caption(text + said.text[at:], tuple(spans), said.claimed)


def _written(before: str, rest: str, phrase: str) -> tuple[Form, Operand]:
    """The form in which a caption has a phrase, from what stands before its words, and them and all after."""
    before, rest = before.casefold(), rest.casefold()
    for form in reversed(FORMS):
        known = operand(phrase, form)
        if form == "article" and not known.before:
            continue  # "rain" is bare as well
        said = (known.words + known.after).casefold()
        if before.endswith(known.before.casefold()) and rest.startswith(said):
            return form, known
    return "bare", Operand("", phrase, "")


def _tails(form: Form, thing: bool, rng: np.random.Generator) -> list[str]:
    """One or two words for how and where; of a thing ("rain" of "rain is heard") only where."""
    where, drawn = _one_of(WHERE, rng), rng.random()
    if thing or drawn < 0.3:
        return [where]
    how = _one_of(GOES_ON if form == "clause" and drawn < 0.45 else HOW, rng)
    return [how, where] if drawn > 0.75 else [how]


def _with(other: str, form: Form, rng: np.random.Generator) -> tuple[str, str]:
    """What joins a second sound to the first, and the second."""
    if form == "clause" and rng.random() < 0.7:
        return _one_of((" and ", " while ", " as "), rng), operand(other, "clause").text
    return _one_of((" and ", " with "), rng), operand(other, "bare" if form == "bare" else "article").text


def _one_of(words: Sequence[str], rng: np.random.Generator) -> str:
    return words[int(rng.integers(len(words)))]
