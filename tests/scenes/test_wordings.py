import pytest

from chronoclap.errors import DataError
from chronoclap.scenes import WORDINGS, caption, claim, equivalent, holds, phrase_captions

X, Y = "xx", "yy"
# What every two-event wording means, written out by hand and independent of how the grammar builds it:
# the text of xx first, yy second, and whether the text could be told of both orders.
SEQUENCES = {
    "then": "xx then yy",
    "followed-by": "xx followed by yy",
    "before": "xx before yy",
    "and-then": "xx and then yy",
    "first-then": "first xx, then yy",
    "at-first": "at first xx, then yy",
    "and-later": "xx and later yy",
    "afterwards": "xx, and afterwards yy",
    "preceding": "xx preceding yy",
    "giving-way": "xx giving way to yy",
    "starts-ends": "it starts with xx and ends with yy",
    "first-second": "the first sound is xx, the second is yy",
    "until": "xx until yy",
    "after-front": "after xx, yy",
    "after": "yy after xx",
    "preceded-by": "yy preceded by xx",
    "following": "yy following xx",
    "before-front": "before yy, xx",
    "but-first": "yy, but first xx",
    "coming-after": "yy coming after xx",
    "beforehand": "yy, with xx beforehand",
    "ends-starts": "it ends with yy but starts with xx",
    "after-comes": "after xx comes yy",
    "next": "xx, next yy",
    "after-that": "xx, after that yy",
    "a-while-later": "xx, a moment later yy",
    "after-a-while": "xx and after a while yy",
    "soon": "xx and soon yy",
    "thereafter": "xx, thereafter yy",
    "only-then": "xx and only then yy",
    "at-last": "xx and at last yy",
    "then-and-next": "xx followed by yy",
    "mixed": "xx before yy",
    "ending-with": "xx, ending with yy",
    "succeeded-by": "xx succeeded by yy",
    "replaced-by": "xx replaced by yy",
    "leading-to": "xx leading up to yy",
    "turning-into": "xx turning into yy",
    "comes-before": "xx comes before yy",
    "ahead-of": "xx ahead of yy",
    "shortly-before": "xx shortly before yy",
    "comes-first": "xx comes first and yy comes second",
    "stops-starts": "xx stops and yy starts",
    "over-before": "xx is over before yy begins",
    "when-over-front": "when xx is over, yy",
    "start-end": "at the start xx, at the end yy",
    "one-two": "one: xx, two: yy",
    "in-that-order": "xx and yy in that order",
    "with-following": "xx, with yy following",
    "some-time-after": "yy some time after xx",
    "before-that": "yy, but before that xx",
    "earlier": "yy, earlier xx",
    "previously": "yy, previously xx",
    "follows": "yy follows xx",
    "after-the-end": "yy after the end of xx",
    "starts-after": "yy starts after xx stops",
    "last-first": "the last sound is yy, the first one is xx",
    "end-start": "at the end yy, at the start xx",
    "later-than": "yy later than xx",
    "in-the-wake-of": "yy in the wake of xx",
    "subsequent-to": "yy subsequent to xx",
    "introduced-by": "yy introduced by xx",
}
OVERLAPS = {
    "while": "xx while yy",
    "as": "xx as yy",
    "same-time": "xx and yy at the same time",
    "simultaneously": "xx and yy simultaneously",
    "over": "xx over yy",
    "during": "xx during yy",
    "together-with": "xx together with yy",
    "mixed-with": "xx mixed with yy",
    "accompanied-by": "xx accompanied by yy",
    "amid": "xx amid yy",
    "overlapping": "xx overlapping with yy",
    "at-once": "xx and yy are heard at once",
    "whilst": "xx whilst yy",
    "alongside": "xx alongside yy",
    "in-the-background": "xx with yy in the background",
    "same-time-as": "xx at the same time as yy",
    "meanwhile": "xx and meanwhile yy",
    "in-parallel": "xx and yy in parallel",
    "both": "both xx and yy sound together",
}


def named(relation: str) -> set[str]:
    return {name for name, wording in WORDINGS.items() if wording.relation == relation}


def test_there_are_enough_wordings_in_both_directions():
    assert named("sequence") == set(SEQUENCES)
    assert named("overlap") == set(OVERLAPS)
    assert len(named("single")) >= 4
    turned = [name for name in SEQUENCES if WORDINGS[name].reverse]
    assert len(turned) >= 6
    assert len(SEQUENCES) - len(turned) >= 6


def test_order_of_mention_says_little():
    turned = [
        sum(len(WORDINGS[name].frames) for name in SEQUENCES if WORDINGS[name].reverse == r) for r in (0, 1)
    ]
    assert 0.3 < turned[1] / sum(turned) < 0.7


def test_no_text_says_both_orders():
    def texts(*phrases: str) -> set[str]:
        return {said.text.replace(",", "").casefold() for said in phrase_captions(phrases, "sequence")}

    assert len(texts(X, Y)) > 400
    assert not texts(X, Y) & texts(Y, X)


def test_every_variant_of_a_wording_says_the_same():
    # Words that tell the direction wherever they stand, and what each says of who is mentioned first.
    tells = {" then ": X, "followed by": X, "preceded by": Y, "later than": Y, "earlier than": X}
    for said in phrase_captions([X, Y], "sequence", form="bare"):
        for words, first in tells.items():
            if words in said.text:
                assert min(X, Y, key=said.text.casefold().index) == first, said.text


@pytest.mark.parametrize(("name", "text"), (SEQUENCES | OVERLAPS).items())
def test_wordings_say_what_they_should(name, text):
    assert caption([X, Y], name).text == text


def test_three_events():
    assert caption(["a", "b", "c"], "then").text == "a then b then c"
    assert caption(["a", "b", "c"], "after").text == "c after b after a"
    assert caption(["a", "b", "c"], "preceded-by").text == "c preceded by b preceded by a"
    assert caption(["a", "b", "c"], "same-time").text == "a, b and c at the same time"
    assert caption(["a", "b", "c"], "in-that-order").text == "a, b and c in that order"
    assert caption(list("abcd"), "and").text == "a, b, c and d"
    assert "First dog barking, then rain, and at last siren" in {
        said.text[0].upper() + said.text[1:]
        for said in phrase_captions(["dog barking", "rain", "siren"], "sequence", "first-then", "bare")
    }


def test_a_second_sentence_begins_as_one():
    texts = [c.text for c in phrase_captions(["dog barking", "rain"], "sequence", form="clause")]
    assert "A dog barks. Rain falls a moment later." in texts
    assert "Rain falls. Earlier, a dog barks." in texts
    made = next(c for c in phrase_captions(["xx", "yy"], "sequence", "afterwards", "bare") if ". Y" in c.text)
    assert made.text == "Xx. Yy afterwards."
    assert [made.text[start:end] for start, end, _ in made.spans] == ["Xx", "Yy"]


@pytest.mark.parametrize("one", SEQUENCES)
@pytest.mark.parametrize("other", SEQUENCES)
def test_all_pairs_of_sequence_wordings(one, other):
    # In mention order: a reversed wording mentions the last event first.
    def mention(name: str, order: tuple[str, str]) -> tuple[str, ...]:
        return order[::-1] if SEQUENCES[name].index(X) > SEQUENCES[name].index(Y) else order

    assert equivalent(one, mention(one, (X, Y)), other, mention(other, (X, Y)))
    assert not equivalent(one, mention(one, (X, Y)), other, mention(other, (Y, X)))


def test_equivalence_by_hand():
    assert equivalent("before", ["a", "b"], "after", ["b", "a"])
    assert not equivalent("before", ["a", "b"], "after", ["a", "b"])  # connective inverted
    assert not equivalent("before", ["a", "b"], "before", ["b", "a"])  # operands swapped
    assert equivalent("while", ["a", "b"], "during", ["b", "a"])
    assert not equivalent("while", ["a", "b"], "before", ["a", "b"])
    assert equivalent("then", ["dog barking", "rain"], "followed-by", ["A dog barks", "Rain"])


def test_claims_without_order_do_not_depend_on_it():
    assert claim("overlap", ["a", "b"]) == claim("overlap", ["b", "a"])
    assert claim("sequence", ["a", "b"]) != claim("sequence", ["b", "a"])
    assert claim("together", ["a", "b"]) != claim("overlap", ["a", "b"])


def test_what_holds_of_what_is_known():
    order, turned = claim("sequence", ["a", "b"]), claim("sequence", ["b", "a"])
    long, overlay = claim("sequence", ["a", "b", "c"]), claim("overlap", ["a", "b"])
    for said, known in [
        (order, [order]),
        (overlay, [overlay]),
        (claim("together", ["b", "a"]), [order, turned, overlay, claim("together", ["a", "b"])]),
        (claim("single", ["a"]), [claim("single", ["a"])]),
    ]:
        everything = [order, turned, long, overlay, claim("together", ["a", "b"]), claim("single", ["a"])]
        assert [one for one in everything if holds(said, one)] == known


def test_unknown_wordings_are_named():
    with pytest.raises(DataError, match="no wording 'sometimes'"):
        equivalent("sometimes", ["a", "b"], "then", ["a", "b"])
