"""DTU's margin between texts against hand-worked numbers, a slow transcription, and its properties."""

import pytest
import torch
from hand_worked import assert_same_with_gradients, assert_zero_with_gradients, coin_flips, unit_rows
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from chronoclap.losses import dtu_margin

# Cosines of two captions with two rewordings each:
#   caption 1: same 1.0, 0.6; flipped 0.6, 0.8      caption 2: same 0.8, 0.0; flipped 1.0, -1.0
TEXT = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
SAME = torch.tensor([[[1.0, 0.0], [0.6, 0.8]], [[0.6, 0.8], [1.0, 0.0]]], dtype=torch.float64)
FLIPPED = torch.tensor([[[0.6, 0.8], [0.8, 0.6]], [[0.0, 1.0], [0.0, -1.0]]], dtype=torch.float64)


def slow_margin(text: Tensor, same: Tensor, flipped: Tensor, margin: float, valid: Tensor) -> Tensor:
    b, k, _ = same.shape
    total = text.new_zeros(())
    for n in range(k):
        terms = []
        for i in range(b):
            if valid[i, n]:
                short = margin - text[i] @ same[i, n] + text[i] @ flipped[i, n]
                terms.append(torch.relu(short))
        if terms:
            total = total + sum(terms) / len(terms)
    return total


class TestDtuMargin:
    @pytest.mark.parametrize(
        ("valid", "expected"),
        [
            # First rewordings: 0.2 - 1.0 + 0.6 < 0 and 0.2 - 0.8 + 1.0 = 0.4, mean 0.2
            # Second: 0.2 - 0.6 + 0.8 = 0.4 and 0.2 - 0.0 - 1.0 < 0, mean 0.2
            (None, 0.4),
            # Caption 2 has none: 0 and 0.4
            ([[True, True], [False, False]], 0.4),
            # Of the first rewordings only caption 2's, of the second only its own: 0.4 and 0
            ([[False, False], [True, True]], 0.4),
            ([[True, False], [True, True]], 0.2),
            ([[False, True], [True, False]], 0.8),
        ],
    )
    def test_hand_worked_two_by_two(self, valid: list[list[bool]] | None, expected: float) -> None:
        mask = None if valid is None else torch.tensor(valid)
        assert dtu_margin(TEXT, SAME, FLIPPED, valid=mask).item() == pytest.approx(expected, abs=1e-12)

    @given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 3), st.floats(0, 1))
    @settings(max_examples=30, deadline=None)
    def test_equals_the_slow_formula(self, seed: int, b: int, k: int, margin: float) -> None:
        text, same, flipped = (
            unit_rows(seed, b, 4),
            unit_rows(seed + 1, b, k, 4),
            unit_rows(seed + 2, b, k, 4),
        )
        valid, everything = coin_flips(seed, 0.6, b, k), torch.ones(b, k, dtype=torch.bool)
        valid[0, 0] = True  # otherwise there may be nothing at all
        assert_same_with_gradients(
            lambda t, p, n: dtu_margin(t, p, n, margin, valid),
            lambda t, p, n: slow_margin(t, p, n, margin, valid),
            *(text, same, flipped),
        )
        assert dtu_margin(text, same, flipped, margin).item() == pytest.approx(
            slow_margin(text, same, flipped, margin, everything).item(), abs=1e-12
        )

    def test_a_margin_that_is_kept_costs_nothing_and_moves_nothing(self) -> None:
        assert_zero_with_gradients(dtu_margin, TEXT, TEXT[:, None], -TEXT[:, None])

    def test_no_rewordings_at_all_are_zero_and_can_be_differentiated(self) -> None:
        none = torch.zeros(2, 2, dtype=torch.bool)
        assert_zero_with_gradients(lambda t, p, n: dtu_margin(t, p, n, valid=none), TEXT, SAME, FLIPPED)

    @given(st.integers(0, 10_000))
    @settings(max_examples=20, deadline=None)
    def test_the_order_of_the_batch_does_not_matter(self, seed: int) -> None:
        text, same, flipped = (
            unit_rows(seed, 4, 5),
            unit_rows(seed + 1, 4, 2, 5),
            unit_rows(seed + 2, 4, 2, 5),
        )
        order = torch.randperm(4, generator=torch.Generator().manual_seed(seed))
        assert dtu_margin(text[order], same[order], flipped[order]).item() == pytest.approx(
            dtu_margin(text, same, flipped).item(), abs=1e-12
        )

    def test_gradients(self) -> None:
        inputs = (unit_rows(1, 3, 4), unit_rows(2, 3, 2, 4), unit_rows(3, 3, 2, 4))
        valid = torch.tensor([[True, False], [False, False], [True, True]])
        assert torch.autograd.gradcheck(
            lambda t, p, n: dtu_margin(t, p, n, 0.5, valid), tuple(x.requires_grad_() for x in inputs)
        )
