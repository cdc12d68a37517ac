"""Captions of a batch: true, contradicted where order can be, and what must not compete."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from chronoclap.scenes import Claimed, Relation, claim
from chronoclap.training.captions import Wanted, caption_rows

ROWS: list[tuple[tuple[str, ...], Claimed]] = [
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


class TestWanted:
    def test_rewordings_say_the_same_in_other_words(self) -> None:
        captioned = caption_rows(ROWS, 1, Wanted(false=2, also="rewordings"))
        assert captioned.also_of == [0, 0, 1, 1, 2, 2]
        for number, row in enumerate(captioned.also_of):
            true = captioned.texts[row]
            assert captioned.also[number].text != true.text
            said = [
                [c.text[a:b].casefold() for a, b, _ in sorted(c.spans, key=lambda span: span[2])]
                for c in (true, captioned.also[number])
            ]
            assert ["dog" in words for words in said[0]] == ["dog" in words for words in said[1]]
        assert all(a.text != b.text for a, b in zip(captioned.also[::2], captioned.also[1::2], strict=True))

    def test_parts_name_one_event_each(self) -> None:
        captioned = caption_rows(ROWS[:2], 1, Wanted(also="parts"))
        assert captioned.also_of == [0, 0, 1, 1]
        assert ["dog" in c.text.casefold() for c in captioned.also] == [False, True, True, False]

    def test_any_contradicts_what_sounds_together_too(self) -> None:
        captioned = caption_rows(ROWS, 1, Wanted(false=3, kind="any"))
        assert {captioned.contradicted.count(row) for row in (0, 1, 2, 3, 4)} == {3}
        assert not {5, 6, 7} & set(captioned.contradicted)

    def test_what_only_occurs_contradicts_nothing_and_is_true_of_every_order(self) -> None:
        rows: list[tuple[tuple[str, ...], Claimed]] = [
            (("rain", "dog"), "together"),
            (("dog", "rain"), "sequence"),
            (("dog", "rain"), "overlap"),
            (("dog", "owl"), "sequence"),
            (("dog",), "single"),
        ]
        captioned = caption_rows(rows, 0)
        assert captioned.contradicted == [1, 3]
        expected = torch.eye(5, dtype=torch.bool)
        # The loose text is true of both scenes; their texts say more than is known of the loose row.
        expected[1, 0] = expected[2, 0] = True
        assert torch.equal(captioned.alike(), expected)


def test_captions_keep_to_the_wordings_that_are_asked_for() -> None:
    wanted = Wanted(wordings=("single-sound", "combined-sound", "before", "while"))
    rows: list[tuple[tuple[str, ...], Claimed]] = [
        (("pig",), "single"),
        (("pig", "helicopter"), "together"),
        (("pig", "helicopter"), "sequence"),
        (("helicopter", "pig"), "overlap"),
        (("pig", "Pig"), "sequence"),
    ]
    captioned = caption_rows(rows, 3, wanted)
    assert [str(text) for text in captioned.texts] == [
        "single sound of pig",
        "combined sound of pig and helicopter",
        "pig before helicopter",
        "helicopter while pig",
        "pig before Pig",
    ]
    assert [str(text) for text in captioned.contradictions] == ["helicopter before pig"]
    assert captioned.contradicted == [2]


def test_blocks_are_forward_reversed_and_overlaid_of_a_pair() -> None:
    block, pair = caption_rows(ROWS, 0).blocks()
    assert block.tolist() == [0, 1, 0, 2, 2, 0, 0, 0, 0]
    assert pair.tolist() == [0, 0, 0, 0, 0, 1, 2, 1, 3]


@given(
    st.lists(
        st.one_of(
            st.tuples(
                st.permutations(["rain", "dog", "owl"]).map(lambda p: tuple(p[:2])),
                st.sampled_from(["sequence", "overlap", "together"]),
            ),
            st.tuples(st.sampled_from([("rain",), ("dog",)]), st.just("single")),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_no_text_that_is_true_of_a_row_competes_with_its_own(
    rows: list[tuple[tuple[str, ...], Claimed]],
) -> None:
    captioned = caption_rows(rows, 0)
    alike = captioned.alike()
    for i, (sound, how) in enumerate(rows):
        for j, (phrases, said) in enumerate(rows):
            same_order = said == how and (phrases == sound or said != "sequence")
            true = set(phrases) == set(sound) and (same_order or said == "together" != how != "single")
            assert alike[i, j].item() == true
