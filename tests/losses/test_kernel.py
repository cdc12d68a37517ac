"""The block kernel: hand-worked numbers, a slow transcription, and what weights and masks must do."""

import math

import pytest
import torch
from hand_worked import (
    AUDIO,
    SCALE,
    TEXT,
    assert_same_with_gradients,
    assert_zero_with_gradients,
    coin_flips,
    unit_rows,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from chronoclap.losses import block_contrastive, block_weights, info_nce, weighted_cross_entropy

INF = torch.inf
SEEDS = st.integers(0, 10_000)


def random_logits(seed: int, *shape: int) -> Tensor:
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def slow_block(logits: Tensor, weights: Tensor, row_weights: Tensor) -> Tensor:
    """Both directions, one exponential after another; a pair of weight 0 is left out of both means."""
    n = len(logits)
    total, counted = logits.new_zeros(()), 0.0
    for i in range(n):
        if weights[i, i] == 0:
            continue
        to_text = sum(weights[i, j] * torch.exp(logits[i, j]) for j in range(n))
        to_audio = sum(weights[j, i] * torch.exp(logits[j, i]) for j in range(n))
        above = torch.exp(logits[i, i])
        total = total - row_weights[i] * (torch.log(above / to_text) + torch.log(above / to_audio))
        counted += float(row_weights[i])
    return total / (2 * counted)


class TestWeightedCrossEntropy:
    def test_hand_worked(self) -> None:
        # Row 1: ln(1 + e^(1-2)) = 0.31326169; row 2, its first column masked: ln(1 + e^(3-2)) = 1.31326169
        logits = torch.tensor([[2.0, 1.0, -INF], [-INF, 2.0, 3.0]], dtype=torch.float64)
        target = torch.tensor([0, 1])
        assert weighted_cross_entropy(logits, target).item() == pytest.approx(0.81326169, abs=1e-8)
        # (3 * 0.31326169 + 1 * 1.31326169) / 4
        weights = torch.tensor([3.0, 1.0], dtype=torch.float64)
        assert weighted_cross_entropy(logits, target, weights).item() == pytest.approx(0.56326169, abs=1e-8)

    def test_a_row_whose_target_is_masked_does_not_count(self) -> None:
        logits = torch.tensor([[2.0, 1.0], [-INF, 5.0], [-INF, -INF]])
        loss = weighted_cross_entropy(logits, torch.tensor([0, 0, 1]))
        assert loss.item() == pytest.approx(math.log1p(math.exp(-1)), abs=1e-6)

    def test_a_row_without_rivals_costs_nothing_but_counts(self) -> None:
        logits = torch.tensor([[2.0, 1.0], [5.0, -INF]])
        loss = weighted_cross_entropy(logits, torch.tensor([0, 0]))
        assert loss.item() == pytest.approx(math.log1p(math.exp(-1)) / 2, abs=1e-6)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_masks_leave_finite_gradients(self, dtype: torch.dtype) -> None:
        raw = random_logits(1, 4, 4).to(dtype).requires_grad_()
        hidden = torch.eye(4, dtype=torch.bool)
        hidden[0, 0] = False
        hidden[2] = hidden[:, 3] = True  # a row and a column that are masked altogether
        logits = raw.masked_fill(hidden, -INF)
        loss = weighted_cross_entropy(logits, torch.tensor([0, 0, 1, 1]))
        loss.backward()
        assert loss.dtype == dtype
        assert raw.grad is not None
        assert torch.isfinite(raw.grad).all()
        assert not raw.grad[hidden].any()
        assert raw.grad[0].any()

    def test_nothing_that_counts_is_zero(self) -> None:
        target = torch.tensor([0, 1])
        hide = torch.full((2, 2), -INF, dtype=torch.float64)
        assert_zero_with_gradients(lambda x: weighted_cross_entropy(x + hide, target), random_logits(2, 2, 2))
        none = torch.zeros(2, dtype=torch.float64)
        assert_zero_with_gradients(lambda x: weighted_cross_entropy(x, target, none), random_logits(2, 2, 2))

    def test_not_a_number_is_no_mask(self) -> None:
        logits = torch.tensor([[math.nan, 1.0], [1.0, 2.0]])
        assert weighted_cross_entropy(logits, torch.tensor([0, 1])).isnan()

    @given(SEEDS)
    @settings(max_examples=20, deadline=None)
    def test_a_row_of_weight_two_is_a_row_listed_twice(self, seed: int) -> None:
        logits, target = random_logits(seed, 3, 5), torch.tensor([4, 0, 2])
        weights = torch.tensor([1.0, 2.0, 1.0], dtype=torch.float64)
        twice = torch.tensor([0, 1, 1, 2])
        assert_same_with_gradients(
            lambda x: weighted_cross_entropy(x, target, weights),
            lambda x: weighted_cross_entropy(x[twice], target[twice]),
            logits,
        )

    @given(SEEDS)
    @settings(max_examples=20, deadline=None)
    def test_a_rival_of_weight_three_is_a_rival_listed_three_times(self, seed: int) -> None:
        logits, target = random_logits(seed, 2, 3), torch.tensor([0, 1])
        log_weights = torch.tensor([1.0, 1, 3], dtype=torch.float64).log()
        assert_same_with_gradients(
            lambda x: weighted_cross_entropy(x + log_weights, target),
            lambda x: weighted_cross_entropy(x[:, [0, 1, 2, 2, 2]], target),
            logits,
        )


class TestBlockContrastive:
    def test_hand_worked_two_by_two(self) -> None:
        # S = [[1.2, 0.0], [1.6, 2.0]], W = [[1, 0.5], [0.25, 1]]
        # Sound to text: ln(1 + 0.5 e^-1.2) = 0.14028103, ln(1 + 0.25 e^-0.4) = 0.15493324
        # Text to sound: ln(1 + 0.25 e^0.4) = 0.31696621, ln(1 + 0.5 e^-2.0) = 0.06547650
        weights = torch.tensor([[1, 0.5], [0.25, 1]], dtype=torch.float64)
        loss = block_contrastive(SCALE * AUDIO @ TEXT.T, weights.log())
        assert loss.item() == pytest.approx(0.67765698 / 4, abs=1e-8)

    @given(SEEDS, st.integers(1, 6))
    @settings(max_examples=30, deadline=None)
    def test_equals_the_slow_formula(self, seed: int, n: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        weights = 2 * torch.rand(n, n, generator=generator, dtype=torch.float64)
        weights[coin_flips(seed, 0.3, n, n)] = 0
        weights.fill_diagonal_(1)
        weights[0, 0] = float(n == 1 or seed % 2)  # every other time the first pair is only a rival
        rows = 0.1 + torch.rand(n, generator=generator, dtype=torch.float64)
        assert_same_with_gradients(
            lambda s: block_contrastive(s, weights.log(), rows),
            lambda s: slow_block(s, weights, rows),
            random_logits(seed, n, n),
        )

    @given(SEEDS, st.integers(1, 6))
    @settings(max_examples=20, deadline=None)
    def test_everything_allowed_is_plain_info_nce(self, seed: int, n: int) -> None:
        audio, text = unit_rows(seed, 2, n, 4)
        logits, target = 5 * audio @ text.T, torch.arange(n)
        plain = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)).item() / 2
        ones = torch.ones(n, n, dtype=torch.float64)
        assert block_contrastive(logits).item() == pytest.approx(plain, abs=1e-12)
        assert block_contrastive(logits, ones.log(), ones[0]).item() == pytest.approx(plain, abs=1e-12)
        assert info_nce(audio, text, 5.0).item() == pytest.approx(plain, abs=1e-12)

    @given(SEEDS)
    @settings(max_examples=20, deadline=None)
    def test_the_order_of_the_batch_does_not_matter(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        logits, order = random_logits(seed, 5, 5), torch.randperm(5, generator=generator)
        weights = torch.rand(5, 5, generator=generator, dtype=torch.float64)
        weights.fill_diagonal_(1)
        rows = weights[0] + 0.1
        moved = block_contrastive(logits[order][:, order], weights[order][:, order].log(), rows[order]).item()
        assert moved == pytest.approx(block_contrastive(logits, weights.log(), rows).item(), abs=1e-12)

    @given(SEEDS, st.floats(0, 3), st.floats(0.01, 1))
    @settings(max_examples=20, deadline=None)
    def test_grows_with_every_weight_but_the_true_pairs(self, seed: int, weight: float, more: float) -> None:
        logits, weights = random_logits(seed, 3, 3), torch.ones(3, 3, dtype=torch.float64)
        weights[0, 2] = weight
        before = block_contrastive(logits, weights.log()).item()
        weights[0, 2] = weight + more
        assert block_contrastive(logits, weights.log()).item() > before

    def test_nothing_but_the_true_pairs_costs_nothing(self) -> None:
        only = torch.eye(3, dtype=torch.float64).log()
        assert_zero_with_gradients(lambda s: block_contrastive(s, only), random_logits(3, 3, 3))

    def test_a_masked_row_and_column_is_as_if_it_were_not_there(self) -> None:
        weights = torch.ones(4, 4, dtype=torch.float64)
        weights[2] = weights[:, 2] = 0
        rest = torch.tensor([0, 1, 3])
        assert_same_with_gradients(
            lambda s: block_contrastive(s, weights.log()),
            lambda s: block_contrastive(s[rest][:, rest]),
            random_logits(4, 4, 4),
        )

    def test_gradients(self) -> None:
        audio, text = (x.clone().requires_grad_() for x in unit_rows(5, 2, 4, 3))
        scale = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
        weights = torch.tensor([[1, 0.5, 0, 2], [1, 1, 1, 0], [0, 0, 0, 0], [3, 1, 0, 1]]).double()
        rows = torch.tensor([1, 0.5, 1, 2], dtype=torch.float64)
        assert torch.autograd.gradcheck(
            lambda a, t, s: block_contrastive(s * a @ t.T, weights.log(), rows), (audio, text, scale)
        )

    def test_single_precision(self) -> None:
        # 100 * cosine spans e^200: exponentials themselves would overflow.
        logits = 100 * torch.tensor([[-1.0, 1.0], [0.5, -1.0]])
        weights = torch.tensor([[1, 0.5], [0.25, 1]])
        loss = block_contrastive(logits, weights.log())
        assert loss.dtype == torch.float32
        # (200 - ln 2 + 150 - ln 4 + 150 - ln 4 + 200 - ln 2) / 4
        assert loss.item() == pytest.approx(175 - 1.5 * math.log(2), rel=1e-6)


class TestBlockWeights:
    def test_three_relations_of_two_pairs_in_any_order(self) -> None:
        block = torch.tensor([0, 2, 0, 1, 1])
        pair = torch.tensor([7, 7, 3, 7, 3])  # pair 3 has no row in block 2
        same = torch.tensor([[9.0, 0.1, 0.2], [0.3, 9, 0.4], [0.5, 0.6, 9]])
        cross = same + 10
        expected = [
            [1, 0.2, 1, 0.1, 10.1],
            [0.5, 1, 10.5, 0.6, 10.6],
            [1, 10.2, 1, 10.1, 0.1],
            [0.3, 0.4, 10.3, 1, 1],
            [10.3, 10.4, 0.3, 1, 1],
        ]
        assert torch.equal(block_weights(block, pair, same, cross), torch.tensor(expected))

    def test_one_block_is_a_plain_batch(self) -> None:
        alpha = torch.zeros(1, 1)
        weights = block_weights(torch.zeros(4, dtype=torch.long), torch.arange(4), alpha, alpha)
        assert torch.equal(weights, torch.ones(4, 4))
