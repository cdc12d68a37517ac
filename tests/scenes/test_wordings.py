import pytest

from chronoclap.errors import DataError
from chronoclap.scenes import WORDINGS, caption, claim, equivalent, holds

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


@pytest.mark.parametrize(("name", "text"), (SEQUENCES | OVERLAPS).items())
def test_wordings_say_what_they_should(name, text):
    assert caption([X, Y], name).text == text


def test_three_events():
    assert caption(["a", "b", "c"], "then").text == "a then b then c"
    assert caption(["a", "b", "c"], "after").text == "c after b after a"
    assert caption(["a", "b", "c"], "preceded-by").text == "c preceded by b preceded by a"
    assert caption(["a", "b", "c"], "same-time").text == "a, b and c at the same time"


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
    with pytest.raises(DataError, match="no wording 'soon'"):
        equivalent("soon", ["a", "b"], "then", ["a", "b"])
