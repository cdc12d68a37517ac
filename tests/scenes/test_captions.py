from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronoclap.errors import DataError
from chronoclap.scenes import (
    FORMS,
    WORDINGS,
    Event,
    Placement,
    Scene,
    caption,
    claim,
    contradict,
    contradict_phrases,
    describe,
    describe_phrases,
    invert,
    operand,
    overlay,
    phrase_captions,
)

PHRASES = ["dog barking", "rain", "cocking a gun", "church bells", "Siren", "coughing", "a gun being cocked"]
SEEDS = st.integers(0, 2**32)
SOME = st.lists(st.sampled_from(PHRASES), min_size=2, max_size=3, unique=True)


def scene_of(*phrases: str) -> Scene:
    placed = tuple(Placement(Event(p, p, p), 2.0 * k, 1.5) for k, p in enumerate(phrases))
    return Scene(placed, 10)


def plain(text: str) -> str:
    return text.replace(",", "").rstrip(".").casefold()


def true_texts(phrases: list[str], relation: str) -> set[str]:
    """Every text that is true of the phrases: all wordings, forms and (if order-free) orders of mention."""
    orders = permutations(phrases) if relation == "overlap" else [tuple(phrases)]
    return {plain(c.text) for order in orders for c in phrase_captions(order, relation)}


def test_fixed_protocols_to_the_letter():
    assert caption(["pig", "helicopter"], "before").text == "pig before helicopter"
    assert caption(["pig", "helicopter"], "while").text == "pig while helicopter"
    assert caption(["pig"], "single-sound").text == "single sound of pig"
    assert caption(["pig", "helicopter"], "combined-sound").text == "combined sound of pig and helicopter"
    assert caption(["pig"], "this-is").text == "this is a sound of pig"
    two = scene_of("dog barking", "man speaking")
    assert str(caption(two, "followed-by")) == "dog barking followed by man speaking"
    assert str(caption(two, "followed-by", "clause")) == "a dog barks followed by a man speaking"
    assert str(caption(invert(two), "after", "article")) == "a dog barking after a man speaking"


def test_protocols_that_cannot_be_met():
    with pytest.raises(DataError, match="cannot take 1"):
        caption(["a"], "then")
    with pytest.raises(DataError, match="cannot take 3"):
        caption(["a", "b", "c"], "while")
    with pytest.raises(DataError, match="no form"):
        caption(["a", "b"], "then", "loud")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="'overlap'"):
        phrase_captions(["a", "b"], "sequence", wording="while")


def test_spans_by_hand():
    made = caption(["dog barking", "rain"], "after", "clause")
    assert made.text == "rain falls after a dog barks"
    assert made.spans == ((0, 10, 1), (19, 28, 0))


@settings(max_examples=150, deadline=None)
@given(SOME, st.sampled_from(["sequence", "overlap"]), SEEDS)
def test_spans_hold_each_events_words_once(phrases, relation, seed):
    made = describe_phrases(phrases, relation, seed)
    assert sorted(event for _, _, event in made.spans) == list(range(len(phrases)))
    for start, end, event in made.spans:
        forms = {operand(phrases[event], form).words.casefold() for form in FORMS}
        assert made.text[start:end].casefold() in forms


@settings(max_examples=60, deadline=None)
@given(SOME, st.sampled_from(["sequence", "overlap"]), SEEDS)
def test_descriptions_are_true(phrases, relation, seed):
    assert plain(describe_phrases(phrases, relation, seed).text) in true_texts(phrases, relation)


@settings(max_examples=100, deadline=None)
@given(SOME, st.sampled_from(["sequence", "overlap"]), SEEDS, st.sampled_from(["order", "relation", "any"]))
def test_contradictions_are_never_true(phrases, relation, seed, kind):
    found = contradict_phrases(phrases, relation, seed, 4, kind)
    assert (
        len(found) == len({c.text for c in found}) == (0 if (kind, relation) == ("order", "overlap") else 4)
    )
    truths = true_texts(phrases, relation)
    other = "overlap" if relation == "sequence" else "sequence"
    for false in found:
        assert plain(false.text) not in truths
        # and it is a true caption of something else with the same events
        claimed = [phrase for _, phrase in sorted(_by_span(false, phrases))]
        relations = {"order": ["sequence"], "relation": [other], "any": [relation, other]}[kind]
        assert any(plain(false.text) in true_texts(claimed, name) for name in relations)
        assert any(claim(name, claimed) != claim(relation, phrases) for name in relations)


def _by_span(made, phrases):
    """(event index, phrase) of each span, found by its words."""
    for start, end, event in made.spans:
        words = made.text[start:end].casefold()
        yield event, next(p for p in phrases if words in {operand(p, f).words.casefold() for f in FORMS})


@pytest.mark.parametrize("seed", range(60))
def test_the_first_order_contradiction_swaps_or_inverts_but_not_both(seed):
    scene = scene_of("dog barking", "rain")
    true, (false,) = describe(scene, seed), contradict(scene, seed, kind="order")
    mentioned = [event for _, _, event in true.spans]
    order = [_mention(caption, words) for caption in (true, false) for words in ("dog bark", "rain")]
    swapped = (order[0] < order[1]) != (order[2] < order[3])
    frames = [_frame(c) for c in (true, false)]
    assert swapped == (frames[0] == frames[1])
    assert sorted(mentioned) == [0, 1]


def _mention(made, words):
    return made.text.casefold().index(words)


def _frame(made):
    """The caption without its events."""
    text, last = "", 0
    for start, end, _ in sorted(made.spans):
        text, last = text + made.text[last:start].replace("a ", "").replace("A ", ""), end
    return (text + made.text[last:]).casefold()


def test_both_kinds_of_least_change_occur():
    scene = scene_of("xx", "yy")
    changes = set()
    for seed in range(40):
        true, false = describe(scene, seed).text.casefold(), contradict(scene, seed, kind="order")[0].text
        false = false.casefold()
        changes.add((true.index("xx") < true.index("yy")) == (false.index("xx") < false.index("yy")))
    assert changes == {True, False}


def test_nothing_contradicts_a_single_event_or_the_order_of_equal_ones():
    assert contradict(scene_of("rain"), 1, 3) == []
    same = scene_of("dog barking", "Dog barking.")
    assert contradict(same, 1, 3, kind="order") == []
    overlaps = true_texts(["dog barking", "Dog barking."], "overlap")
    assert all(plain(c.text) in overlaps for c in contradict(same, 1, 3, kind="any"))
    laid = overlay(scene_of("rain", "siren"))
    assert contradict(laid, 1, 3, kind="order") == []
    assert len(contradict(laid, 1, 3)) == 3


def test_repeated_events_among_three_are_never_confused():
    for seed in range(80):
        for false in contradict_phrases(["xx", "yy", "xx"], "sequence", seed, 3, "order"):
            by_event = {event: false.text[start:end].casefold() for start, end, event in false.spans}
            assert [by_event[k] for k in range(3)] in (["xx", "xx", "yy"], ["yy", "xx", "xx"])


@pytest.mark.parametrize("relation", ["sequence", "overlap", "together"])
def test_captions_know_what_they_claim(relation):
    assert describe_phrases(["dog barking", "rain"], relation, 3).claimed == relation


def test_unknown_kind():
    with pytest.raises(DataError, match="no kind"):
        contradict(scene_of("a", "b"), 0, kind="other")  # type: ignore[arg-type]


def test_same_seed_same_caption_and_many_over_seeds():
    scene = scene_of("dog barking", "rain")
    texts = [describe(scene, seed).text for seed in range(400)]
    assert texts == [describe(scene, seed).text for seed in range(400)]
    assert len(set(texts)) > 120
    used = sum(w.relation == "sequence" for w in WORDINGS.values())
    frames = {plain(text).split("rain")[0] for text in texts}
    assert len(frames) > used  # wordings times forms, not one template
    assert 0.4 < sum(text.endswith(".") for text in texts) / 400 < 0.6
    assert 0.4 < sum(text[0].isupper() for text in texts) / 400 < 0.6


def test_inverting_the_scene_makes_order_contradictions_true():
    scene = scene_of("dog barking", "rain")
    for seed in range(30):
        for false in contradict(scene, seed, 2, kind="order"):
            assert plain(false.text) in true_texts(["rain", "dog barking"], "sequence")


def test_a_plain_wording_is_drawn_as_often_as_its_weight_says() -> None:
    together = {name: wording.weight for name, wording in WORDINGS.items() if wording.relation == "together"}
    assert together == {"and": 4, "combined-sound": 1, "as-well-as": 1}
    said = [describe_phrases(("dog", "rain"), "together", seed).text.lower() for seed in range(1200)]
    others = sum(any(word in text for word in ("combined", "as well as", "also", "plus")) for text in said)
    assert 1 - others / len(said) == pytest.approx(4 / 6, abs=0.06)
