import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronoclap.scenes import FORMS, operand, phrase_key

READ = {
    # phrase: (article, clause), read and judged by a person
    "dog barking": ("a dog barking", "a dog barks"),
    "owl hooting": ("an owl hooting", "an owl hoots"),
    "baby crying": ("a baby crying", "a baby cries"),
    "snake hissing": ("a snake hissing", "a snake hisses"),
    "glass breaking": ("glass breaking", "glass breaks"),
    "balloon popping": ("a balloon popping", "a balloon pops"),
    "door closing": ("a door closing", "a door closes"),
    "engine shutting off": ("an engine shutting off", "an engine shuts off"),
    "shell casing falling": ("a shell casing falling", "a shell casing falls"),
    "birds chirping": ("birds chirping", "birds chirp"),
    "children shouting": ("children shouting", "children shout"),
    "woman and child speaking": ("a woman and child speaking", "a woman and child speak"),
    "rain": ("rain", "rain falls"),
    "thunder": ("thunder", "thunder rumbles"),
    "church bells": ("church bells", "church bells ring"),
    "car horn": ("a car horn", "a car horn sounds"),
    "footsteps in water": ("footsteps in water", "footsteps in water are heard"),
    "water drops": ("water drops", "water drops are heard"),
    "engine": ("an engine", "an engine is heard"),
    "washing machine": ("a washing machine", "a washing machine is heard"),
    "rustling leaves": ("rustling leaves", "rustling leaves are heard"),
    "crackling fire": ("a crackling fire", "a crackling fire is heard"),
    "heavy breathing": ("heavy breathing", "heavy breathing is heard"),
    "keyboard typing": ("keyboard typing", "keyboard typing is heard"),
    "cocking a gun": ("someone cocking a gun", "someone cocks a gun"),
    "pouring water": ("someone pouring water", "someone pours water"),
    "writing with chalk": ("someone writing with chalk", "someone writes with chalk"),
    "coughing": ("coughing", "someone coughs"),
    "a gun being cocked": ("a gun being cocked", "a gun is being cocked"),
    "a dog barks": ("a dog barking", "a dog barks"),
    "birds chirp": ("birds chirping", "birds chirp"),
    "people talking": ("people talking", "people talk"),
    "Bark": ("a bark", "a bark is heard"),
    "Fire engine, fire truck (siren)": ("a fire engine", "a fire engine is heard"),
    "gunfire with shouting": ("gunfire with shouting", "gunfire with shouting is heard"),
    "a bell, a dog": ("a bell, a dog", "a bell, a dog is heard"),
    "Inside, small room": ("inside", "inside is heard"),
    "DTMF tones": ("DTMF tones", "DTMF tones are heard"),
    "French horn": ("a French horn", "a French horn sounds"),
    "hour bell": ("an hour bell", "an hour bell rings"),
    "ukulele": ("a ukulele", "a ukulele is heard"),
    "dog_barking": ("a dog barking", "a dog barks"),
}


@pytest.mark.parametrize("phrase", READ)
def test_forms_read_well(phrase):
    article, clause = READ[phrase]
    assert operand(phrase, "article").text == article
    assert operand(phrase, "clause").text == clause
    assert operand(phrase, "sound").text == "the sound of " + article
    assert operand(phrase, "bare").text == phrase


def test_words_leave_out_articles_and_frames():
    assert operand("dog barking", "clause") == ("a ", "dog barks", "")
    assert operand("rain on roof", "clause") == ("", "rain on roof", " is heard")
    assert operand("pouring water", "sound") == ("the sound of someone ", "pouring water", "")


def test_an_unknown_verb_is_only_heard():
    assert operand("robot zorbing", "clause").text == "a robot zorbing is heard"


def test_a_whole_caption_stays_as_it_is():
    text = "heavy rain on a tin roof with distant thunder and wind"
    assert operand(text, "article").text == text
    assert operand(text.capitalize() + ".", "clause").text == text


def test_same_event_same_key():
    assert len({phrase_key(p) for p in ("dog barking", "Dog barking.", "a dog barking", "a dog barks")}) == 1
    assert phrase_key("dog barking") != phrase_key("dog growling")
    assert phrase_key("coughing") == phrase_key("someone coughing")
    assert phrase_key("rain") == phrase_key("rain falling")
    assert phrase_key("Inside, small room") == phrase_key("Inside, large room")


def test_phrases_that_read_alike_in_any_form_have_one_key():
    known = [*READ, "someone coughing", "rain falling", "The rain", "Inside, hall", "bells ringing", "bells"]
    for form in FORMS:
        read: dict[str, set[str]] = {}
        for phrase in known:
            read.setdefault(operand(phrase, form).text.casefold(), set()).add(phrase_key(phrase))
        assert {text: keys for text, keys in read.items() if len(keys) > 1} == {}


@settings(max_examples=120, deadline=None)
@given(st.text(max_size=30) | st.text("aeing s,().A-", max_size=20))
@pytest.mark.filterwarnings("error")
def test_no_text_is_refused(text):
    for form in FORMS:
        part = operand(text, form)
        assert part.text == part.before + part.words + part.after
        if text.strip():
            assert part.words.strip()
    assert operand(text, "bare").words == text
