"""What single words are, as far as rewriting a caption must know: verb forms, referring words, contents."""

import re
from collections import Counter
from functools import cache

from chronoclap.errors import DataError


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*|\d+")

POINTING = _set(
    "it its itself they them their theirs he him his himself she her hers herself this that these those "
    "which who whose one ones both each another other others same again also too more else former latter "
    "continues continue continued continuing resumes resume stops stop stopped stopping ends end repeats "
    "repeat repeated further louder softer faster slower quieter closer still second third there all back"
)
"""Words that lean on what was said before them: an event with one cannot be told first."""

_FUNCTION = _set(
    "a an the some any several many few multiple various and or but with of in on at by to from into onto "
    "over through as while then after before followed preceded during until once finally is are was were be "
    "being been has have had do does another other more again also up down out off away around nearby there "
    "different second third new next same it its they them their he his she her"
)
_AUXILIARY = _set("is are was were be being been am has have had do does did can could will would")
_DETERMINERS = _set("a an the some another several two three many multiple his her their its")
THINGS = _set(
    "balls bells birds boats boots bullets bubbles cars cats chains coins cups dishes dogs drums ducks fans "
    "guns keys leaves pans papers pigs pipes planes plates pots rocks shots stones tires tools trains trucks "
    "voices waves wings wipers horns chimes males females mans womans men women cows boys girls kids babies"
)
"""Plurals that could be verbs, and in captions are not: "dishes clang"."""
SOUNDING = _set("sound ring play echo fire go come occur")
"""Verbs that make a plural before them a noun: "beeps sound", not "runs water"."""
PARTICLES = _set("up down off on away out in by past over back again through along around to for")
"""Words after which a word before them is a verb: "speeds up"."""
ASPECTS = _set("start begin stop continue finish proceed try attempt get become go come")
"""Verbs that another verb follows: "starts revving"."""
FADING = _set("stop end cease fade subside diminish quit finish die halt continue resume")
"""Verbs that tell of no event of their own."""

_ADVERBS = _set(
    "suddenly finally eventually quickly slowly briefly immediately shortly soon just again also later "
    "gradually abruptly loudly softly quietly repeatedly periodically continuously once twice"
)


@cache
def _lemmas(word: str) -> dict[str, tuple[str, ...]]:
    try:
        from lemminflect import getAllLemmas
    except ImportError as error:
        raise DataError("Rewriting captions needs the extra: pip install 'chronoclap[rewrite]'.") from error
    return dict(getAllLemmas(word))


def words_of(text: str) -> list[str]:
    """Its words, in small letters."""
    return [word.lower() for word in WORD.findall(text)]


def verb_of(word: str) -> str | None:
    """The base form of a word that can be a verb, else None."""
    lemmas = _lemmas(word.lower())
    found = lemmas.get("VERB") or lemmas.get("AUX")
    return found[0] if found else None


def is_gerund(word: str) -> bool:
    """Whether it is one: "running", not "thing" or "morning"."""
    return word.endswith("ing") and len(word) > 4 and verb_of(word) is not None


def is_third_person(word: str) -> bool:
    """Whether it is one: "barks", which may be a plural too; "footsteps" may not be a verb."""
    base = verb_of(word)
    return word.endswith("s") and not word.endswith("ss") and base is not None and base != word


def is_verb_only(word: str) -> bool:
    """Whether it is one: "speaks" is a verb and nothing else, "barks" may be a noun."""
    return set(_lemmas(word.lower())) <= {"VERB", "AUX"} and bool(_lemmas(word.lower()))


def is_unknown(word: str) -> bool:
    """No word of the dictionary."""
    return not _lemmas(word.lower())


def names_something(word: str) -> bool:
    """A noun or a verb: what an event needs one of."""
    known = _lemmas(word)
    return word not in _FUNCTION and (not known or bool({"NOUN", "VERB", "PROPN"} & known.keys()))


def is_noun_only(word: str) -> bool:
    """Whether it is one: "footstep", not "bark"."""
    return "NOUN" in _lemmas(word) and "VERB" not in _lemmas(word)


def may_be_finite(word: str) -> bool:
    """Whether it is one: "barks", "is", or a word of no dictionary that ends as they do."""
    return is_third_person(word) or is_auxiliary(word) or (is_unknown(word) and word.endswith("s"))


def is_comparative(word: str) -> bool:
    """Whether it is one: "softer", but not "water"."""
    return word.endswith("er") and bool(_lemmas(word)) and set(_lemmas(word)) <= {"ADJ", "ADV"}


def is_auxiliary(word: str) -> bool:
    """Whether it is one: "is", "has", "can"."""
    return word.lower() in _AUXILIARY


def is_determiner(word: str) -> bool:
    """Whether it is one: "a", "the", "his", "two"."""
    return word.lower() in _DETERMINERS


def is_adverb(word: str) -> bool:
    """Whether it is one: "suddenly"."""
    return word.lower() in _ADVERBS or (word.endswith("ly") and len(word) > 4)


def gerund_of(word: str) -> str:
    """The -ing form of a verb: "drives" to "driving"."""
    from lemminflect import getInflection

    base = verb_of(word) or word
    return str(getInflection(base, "VBG")[0])


def content(text: str) -> Counter[str]:
    """The words that name events, in base form, counted: what stays when order and grammar go."""
    found: Counter[str] = Counter()
    for word in words_of(text):
        if word in _FUNCTION or is_adverb(word):
            continue
        lemmas = _lemmas(word)
        base = (lemmas.get("VERB") or lemmas.get("NOUN") or lemmas.get("ADJ") or (word,))[0]
        found[base] += 1
    return found
