"""From an event phrase to its forms in a sentence: "dog barking", "a dog barking", "a dog barks".

The rules are few and know few words (`lexicon`). Whatever they do not recognise stays as it is, framed so
that the sentence reads ("… is heard"); no phrase is refused. Brackets are dropped and of a list of
alternatives ("Fire engine, fire truck (siren)") the first is used, except in the bare form, which keeps the
phrase to the letter.
"""

import re
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

from chronoclap.scenes import lexicon

Form = Literal["bare", "article", "sound", "clause"]
FORMS: tuple[Form, ...] = get_args(Form)


_LONGEST_PHRASE = 6
"""Words beyond which a phrase is taken for a whole caption, which stays as it is in every form."""


class Operand(NamedTuple):
    """An event's part of a caption: `words` name the event, `before` and `after` only make them fit."""

    before: str
    words: str
    after: str

    @property
    def text(self) -> str:
        """The whole part."""
        return self.before + self.words + self.after


class _Parts(NamedTuple):
    """A phrase taken apart; what each kind uses is shown by example."""

    kind: Literal["act", "told", "doing", "thing", "caption"]
    determiner: str  # "a" in "a dog barking", else ""
    subject: str  # act "dog barking" and told "a dog barks": "dog"; thing "fire engine": all; doing: ""
    verb: str  # act: "barking"; told: "barks"; doing "cocking a gun": "cocking"
    rest: str  # what follows the verb


def _third(verb: str) -> str:
    """The verb after "he": "pass" gives "passes"."""
    if verb in {"go", "echo"} or verb.endswith(("s", "x", "z", "ch", "sh")):
        return verb + "es"
    if verb.endswith("y") and verb[-2:-1] not in tuple("aeiou"):
        return verb[:-1] + "ies"
    return verb + "s"


def _gerund(verb: str) -> str:
    """The verb in -ing: "pop" gives "popping"."""
    if verb in lexicon.DOUBLING:
        return verb + verb[-1] + "ing"
    if verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")):
        return verb[:-1] + "ing"
    return verb + "ing"


_BASE_OF_GERUND = {_gerund(verb): verb for verb in sorted(lexicon.VERBS)}
_BASE_OF_THIRD = {_third(verb): verb for verb in sorted(lexicon.VERBS)}


@lru_cache(maxsize=4096)
def operand(phrase: str, form: Form) -> Operand:
    """An event phrase in one of its forms.

    Args:
        phrase: any text, best a few words such as "dog barking", "rain" or "cocking a gun".
        form: "bare" (to the letter), "article" ("a dog barking", "rain", "someone cocking a gun"),
            "sound" ("the sound of" that) or "clause" ("a dog barks"; "X is heard" where no rule is safe).
    """
    if form == "bare":
        return Operand("", phrase, "")
    parts = _parse(_label(phrase))
    if form == "clause":
        return _clause(parts)
    before, words = _noun(parts)
    return Operand(("the sound of " if form == "sound" else "") + before, words, "")


@lru_cache(maxsize=4096)
def phrase_key(phrase: str) -> str:
    """What makes two phrases different events: "Dog barking", "a dog barks" are one."""
    words = operand(phrase, "clause").words.casefold()
    first, _, rest = words.partition(" ")
    return rest if rest and first in lexicon.PRONOUNS else words


def _label(phrase: str) -> str:
    """A phrase as it goes inside a sentence."""
    text = re.sub(r"\([^()]*\)", " ", phrase.replace("_", " "))
    text = " ".join(text.split()).strip(" .,;:!?-")
    options = [option.strip() for option in text.split(",")]
    if len(options) > 1 and all(_is_label(option) for option in options):
        text = options[0]
    if not text:
        return phrase.strip()
    first, _, others = text.partition(" ")
    # Words in capitals throughout ("DTMF"), mixed ones ("McDonald") and names of several words keep theirs.
    ordinary = first == "A" or (first[0].isupper() and first[1:].islower() and first not in lexicon.PROPER)
    if ordinary and not others[:1].isupper():
        text = text[0].lower() + text[1:]
    return text


def _is_label(option: str) -> bool:
    words = option.lower().split()
    return 0 < len(words) <= 3 and words[0] not in lexicon.DETERMINERS


def _parse(label: str) -> _Parts:
    words = label.split()
    if len(words) > _LONGEST_PHRASE:
        return _Parts("caption", "", label, "", "")
    determiner = ""
    if len(words) > 1 and words[0].lower() in lexicon.DETERMINERS:
        determiner, *words = words
    lowered = [word.lower() for word in words]
    told = _told_at(determiner.lower(), lowered)
    at = told if told is not None else _gerund_at(lowered)
    if at is None or (at == 0 and (determiner or not _has_doer(lowered))):
        return _Parts("thing", determiner, " ".join(words), "", "")
    kind: Literal["act", "told", "doing"] = "told" if told is not None else "act" if at else "doing"
    return _Parts(kind, determiner, " ".join(words[:at]), words[at], " ".join(words[at + 1 :]))


def _told_at(determiner: str, words: list[str]) -> int | None:
    """Where the verb of "a dog barks" or "birds chirp" stands; None where a noun is as likely."""
    one = determiner in lexicon.SINGLE_DETERMINERS or (bool(words) and words[0] in lexicon.PRONOUNS)
    for at, word in enumerate(words[1:], start=1):
        if word in lexicon.PREPOSITIONS or _is_gerund(word):
            return None
        if one and word in _BASE_OF_THIRD:
            return at
        if word in lexicon.VERBS and _is_plural(words[at - 1]):
            return at
    return None


def _gerund_at(words: list[str]) -> int | None:
    """Where the gerund stands that says what happens; None if there is none or it only names a thing."""
    for at, word in enumerate(words):
        if at and word in lexicon.PREPOSITIONS and word != "being":
            return None
        if not _is_gerund(word) or (at + 1 < len(words) and _is_gerund(words[at + 1])):
            continue
        if at and (word in lexicon.OBJECT_FIRST or words[at - 1] in lexicon.ADJECTIVES | {"and", "or"}):
            return None
        return at
    return None


def _has_doer(words: list[str]) -> bool:
    """Whether a phrase that starts with a gerund has a doer, as "pouring water" has."""
    if len(words) == 1:
        return False
    base, following, last = _BASE_OF_GERUND.get(words[0], ""), words[1], words[_head_at(words)]
    if following in lexicon.DETERMINERS:
        return True
    if following in lexicon.PREPOSITIONS:
        return base in lexicon.HUMAN_VERBS | lexicon.TRANSITIVE_VERBS
    takes = last in lexicon.MASS or _is_plural(last)
    return takes and base in lexicon.TRANSITIVE_VERBS and not _is_gerund(last)


def _is_gerund(word: str) -> bool:
    return len(word) > 4 and word.endswith("ing") and word not in lexicon.ING_NOUNS


def _is_plural(word: str) -> bool:
    if word in lexicon.PLURALS:
        return True
    singular = word.endswith(("ss", "us", "is", "'s")) or word in lexicon.SINGULARS_IN_S
    return len(word) > 2 and word.endswith("s") and not singular


def _head_at(words: list[str]) -> int:
    """Index of the word that says what a noun phrase is: "footsteps" in "footsteps in water"."""
    for at, word in enumerate(words):
        if at and word in lexicon.PREPOSITIONS:
            return at - 1
    return len(words) - 1


def _head(subject: str) -> str:
    words = subject.lower().split()
    return words[_head_at(words)] if words else ""


def _article(subject: str) -> str:
    """ "a ", "an " or, for several, stuff and what has no singular, nothing."""
    head = _head(subject)
    first = subject.lower().partition(" ")[0]
    bare = _is_plural(head) or head in lexicon.MASS or _is_gerund(head) or first in lexicon.PRONOUNS
    if bare or first in lexicon.PREPOSITIONS or not first[:1].isalnum():
        return ""
    if re.match(r"(uni(?!n)|use|usu|uku|eu|one|u[^a-z]|u$)", first):
        return "a "
    return "an " if re.match(r"([aeiou]|hour|honest|8|11$|18$)", first) else "a "


def _noun(parts: _Parts) -> tuple[str, str]:
    """What comes before the phrase, and the phrase, as a noun: "a ", "dog barking"."""
    if parts.kind == "caption":
        return "", parts.subject
    if parts.kind == "doing":
        return "someone ", _join(parts.verb, parts.rest)
    verb = parts.verb
    if parts.kind == "told":
        base = _BASE_OF_THIRD.get(verb.lower(), verb.lower())
        verb = _gerund(base)
    before = parts.determiner + " " if parts.determiner else _article(parts.subject)
    return before, _join(parts.subject, verb, parts.rest)


def _clause(parts: _Parts) -> Operand:
    """The phrase as a sentence: "a ", "dog barks"."""
    before, words = _noun(parts)
    many = _is_plural(_head(parts.subject)) or (
        " and " in parts.subject and (parts.kind != "thing" or not before)
    )
    base = _BASE_OF_GERUND.get(parts.verb.lower())
    plain_rest = not parts.rest or (" and " not in f" {parts.rest} " and "," not in parts.rest)
    if parts.kind == "caption":
        return Operand("", words, "")
    if parts.kind == "told":
        return Operand(before, _join(parts.subject, parts.verb, parts.rest), "")
    if parts.kind == "act" and parts.verb.lower() == "being":
        return Operand(before, _join(parts.subject, "are being" if many else "is being", parts.rest), "")
    if parts.kind == "act" and base and plain_rest:
        return Operand(before, _join(parts.subject, base if many else _third(base), parts.rest), "")
    if parts.kind == "doing" and base and plain_rest:
        return Operand(before, _join(_third(base), parts.rest), "")
    if parts.kind == "thing" and not parts.determiner and " " not in parts.subject:
        done = _BASE_OF_GERUND.get(parts.subject.lower(), "")
        if done in lexicon.HUMAN_VERBS:
            return Operand("someone ", _third(done), "")
    if parts.kind == "thing" and (verb := lexicon.NOUN_VERBS.get(parts.subject.lower().rpartition(" ")[2])):
        return Operand(before, _join(parts.subject, verb if many else _third(verb)), "")
    return Operand(before, words, " are heard" if many else " is heard")


def _join(*parts: str) -> str:
    return " ".join(part for part in parts if part)
