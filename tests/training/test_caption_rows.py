"""Captions of a batch: true, contradicted where order can be, and what must not compete."""

import pytest
import torch

from chronoclap.scenes import Relation, claim
from chronoclap.training.captions import caption_rows

ROWS: list[tuple[tuple[str, ...], Relation]] = [
    (("rain", "dog barking"), "sequence"),
    (("dog barking", "rain"), "sequence"),
    (("rain", "dog barking"), "sequence"),
    (("rain", "dog barking"), "overlap"),
    (("dog barking", "rain"), "overlap"),
    (("rain",), "single"),
    (("wind",), "single"),
    (("rain",), "single"),
    (("rain", "rain"), "sequence"),
]


def test_alike_rows_say_the_same() -> None:
    # Sequences agree with the same order only, overlaps with either order, single events with the same event.
    groups = [{0, 2}, {1}, {3, 4}, {5, 7}, {6}, {8}]
    expected = torch.zeros(9, 9, dtype=torch.bool)
    for group in groups:
        for i in group:
            for j in group:
                expected[i, j] = True
    assert torch.equal(caption_rows(ROWS, 0).alike(), expected)


def test_case_and_blanks_of_a_phrase_make_no_other_claim() -> None:
    rows: list[tuple[tuple[str, ...], Relation]] = [(("Rain",), "single"), (("rain ",), "single")]
    assert caption_rows(rows, 0).alike().all()


@pytest.mark.parametrize("seed", range(12))
def test_orders_are_contradicted_by_their_reverse(seed: int) -> None:
    captioned = caption_rows(ROWS, seed)
    assert captioned.contradicted == [0, 1, 2]
    assert len(captioned.texts) == len(captioned.claims) == 9
    for row, false in zip(captioned.contradicted, captioned.contradictions, strict=True):
        true = captioned.texts[row]
        assert false.text != true.text
        # Spans count events in the order that the caption claims: read both captions in that order.
        said = [
            [c.text[a:b].casefold() for a, b, _ in sorted(c.spans, key=lambda span: span[2])]
            for c in (true, false)
        ]
        dog_first = [["dog" in words for words in order] for order in said]
        assert dog_first[0] == dog_first[1][::-1]
        assert dog_first[0] == [phrase == "dog barking" for phrase in ROWS[row][0]]


def test_claims_are_those_of_the_rows() -> None:
    assert caption_rows(ROWS, 3).claims == [claim(relation, phrases) for phrases, relation in ROWS]


def test_seeds_choose_the_words() -> None:
    def texts(seed: int) -> list[str]:
        captioned = caption_rows(ROWS, seed)
        return [c.text for c in captioned.texts + captioned.contradictions]

    assert texts(1) == texts(1)
    assert texts(1) != texts(2)
    # Rows of one batch that say the same are put into different words as well, somewhere.
    assert any(caption_rows(ROWS, s).texts[0].text != caption_rows(ROWS, s).texts[2].text for s in range(5))


def test_an_empty_batch() -> None:
    captioned = caption_rows([], 0)
    assert captioned.texts == captioned.contradictions == []
