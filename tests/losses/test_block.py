"""InfoNCE, TACT and TeminAL's TNCE against hand-worked numbers, slow transcriptions, and their properties."""

import math

import pytest
import torch
from hand_worked import (
    AUDIO,
    SCALE,
    TEXT,
    assert_same_with_gradients,
    assert_zero_with_gradients,
    dot,
    unit_rows,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from chronoclap.losses import info_nce, tact, tnce, tnce_raw_dot

# Labels of rows: which relation (0 forward, 1 reversed, 2 overlaid), which pair of events.
Rows = list[tuple[int, int]]
ALPHAS = st.floats(0, 3)


def labels(rows: Rows) -> tuple[Tensor, Tensor]:
    block, pair = torch.tensor(rows).T
    return block, pair


def slow_info_nce(audio: Tensor, text: Tensor, scale: float, alike: Tensor | None = None) -> float:
    """Both directions of L_c as the formula has them, one exponential after another."""
    b = len(audio)
    total = 0.0
    for i in range(b):
        for first, second in ((audio, text), (text, audio)):
            below = 0.0
            for j in range(b):
                # Row i of the masked matrix in one direction, its column i in the other.
                hidden = alike is not None and i != j and bool(alike[i, j] if first is audio else alike[j, i])
                below += 0.0 if hidden else math.exp(scale * dot(first[i], second[j]))
            total -= math.log(math.exp(scale * dot(first[i], second[i])) / below)
    return total / (2 * b)


class TestInfoNce:
    def test_hand_worked_two_by_two(self) -> None:
        # Audio to text: ln(1 + e^-1.2) = 0.26328246, ln(1 + e^-0.4) = 0.51301525, mean 0.38814886.
        # Text to audio: ln(1 + e^0.4) = 0.91301525, ln(1 + e^-2.0) = 0.12692801, mean 0.51997163.
        # L_c = (0.38814886 + 0.51997163) / 2
        assert info_nce(AUDIO, TEXT, SCALE).item() == pytest.approx(0.45406024, abs=1e-7)

    def test_is_the_mean_of_two_directions_that_differ(self) -> None:
        logits = SCALE * AUDIO @ TEXT.T
        target = torch.arange(2)
        to_text, to_audio = F.cross_entropy(logits, target), F.cross_entropy(logits.T, target)
        assert to_text.item() == pytest.approx(0.38814886, abs=1e-7)
        assert to_audio.item() == pytest.approx(0.51997163, abs=1e-7)
        # A loss that trains one direction twice gives one of these two instead.
        both = info_nce(AUDIO, TEXT, SCALE).item()
        assert abs(both - to_text.item()) > 0.06
        assert abs(both - to_audio.item()) > 0.06

    @given(st.integers(0, 10_000), st.integers(2, 6), st.floats(1, 100))
    @settings(max_examples=25, deadline=None)
    def test_exchanging_sound_and_text_changes_nothing(self, seed: int, b: int, scale: float) -> None:
        audio, text = unit_rows(seed, 2, b, 5)
        assert info_nce(audio, text, scale).item() == pytest.approx(
            info_nce(text, audio, scale).item(), abs=1e-9
        )

    @given(st.integers(0, 10_000), st.integers(1, 5), st.floats(0.5, 30))
    @settings(max_examples=25, deadline=None)
    def test_equals_the_slow_formula(self, seed: int, b: int, scale: float) -> None:
        audio, text = unit_rows(seed, 2, b, 4)
        assert info_nce(audio, text, scale).item() == pytest.approx(
            slow_info_nce(audio, text, scale), abs=1e-9
        )

    def test_alike_texts_do_not_compete(self) -> None:
        audio, text = unit_rows(3, 2, 4, 5)
        alike = torch.eye(4, dtype=torch.bool)
        alike[0, 2] = alike[2, 0] = alike[1, 3] = True  # one pair both ways, one one way only
        masked = info_nce(audio, text, 7.0, alike)
        assert masked.item() == pytest.approx(slow_info_nce(audio, text, 7.0, alike), abs=1e-9)
        assert masked.item() < info_nce(audio, text, 7.0).item()

    def test_the_diagonal_of_alike_is_ignored(self) -> None:
        audio, text = unit_rows(3, 2, 4, 5)
        with_diagonal, without = torch.eye(4, dtype=torch.bool), torch.zeros(4, 4, dtype=torch.bool)
        plain = info_nce(audio, text, 7.0).item()
        assert info_nce(audio, text, 7.0, with_diagonal).item() == plain
        assert info_nce(audio, text, 7.0, without).item() == plain

    def test_rows_that_are_all_alike_cost_nothing(self) -> None:
        audio, text = unit_rows(4, 2, 3, 5)
        assert info_nce(audio, text, 7.0, torch.ones(3, 3, dtype=torch.bool)).item() == 0

    def test_one_row_costs_nothing(self) -> None:
        assert info_nce(AUDIO[:1], TEXT[:1], SCALE).item() == 0

    @given(st.integers(0, 10_000), st.floats(0.1, 1.4), st.floats(0.01, 0.1))
    @settings(max_examples=25, deadline=None)
    def test_falls_when_a_true_caption_moves_nearer(self, seed: int, angle: float, step: float) -> None:
        # Each text lies between its sound and an axis that no sound has: only its own cosine moves.
        audio = F.pad(torch.eye(3, dtype=torch.float64), (0, 1))
        away = torch.tensor([0.0, 0, 0, 1], dtype=torch.float64)
        row = seed % 3

        def loss(own: float) -> float:
            angles = [angle] * 3
            angles[row] = own
            text = torch.stack(
                [math.cos(x) * a + math.sin(x) * away for x, a in zip(angles, audio, strict=True)]
            )
            return info_nce(audio, text, 5.0).item()

        assert loss(angle - step) < loss(angle)

    def test_gradients(self) -> None:
        audio, text = unit_rows(5, 2, 3, 4).requires_grad_().unbind()
        scale = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
        alike = torch.tensor([[1, 0, 1], [0, 1, 0], [1, 0, 1]], dtype=torch.bool)
        leaves = [x.detach().requires_grad_() for x in (audio, text)]
        assert torch.autograd.gradcheck(lambda a, t, s: info_nce(a, t, s, alike), (*leaves, scale))

    def test_a_large_scale_stays_finite(self) -> None:
        audio, text = unit_rows(6, 2, 8, 16).float()
        assert torch.isfinite(info_nce(audio, -text, 100.0))


def slow_tact(
    audio: Tensor, text: Tensor, scale: Tensor, alpha_same: float, alpha_cross: float, beta: float
) -> Tensor:
    """L_f + beta L_r in the paper's words, over their number of terms: row i + n is the reversal of row i."""
    n = len(audio) // 2

    def loss_of_block(start: int) -> Tensor:
        own, other = range(start, start + n), range(n - start, 2 * n - start)
        total = scale.new_zeros(())
        for first, second in ((audio, text), (text, audio)):
            for i, reversal in zip(own, other, strict=True):
                in_block = sum(torch.exp(scale * first[i] @ second[j]) for j in own)
                time = alpha_same * torch.exp(scale * first[i] @ second[reversal])
                for j in other:
                    if j != reversal:
                        time = time + alpha_cross * torch.exp(scale * first[i] @ second[j])
                total = total - torch.log(torch.exp(scale * first[i] @ second[i]) / (in_block + time))
        return total

    return (loss_of_block(0) + beta * loss_of_block(n)) / (2 * n * (1 + beta))


def slow_tnce(
    audio: Tensor,
    text: Tensor,
    scale: Tensor,
    rows: Rows,
    reversal: tuple[float, float] = (1, 1),
    overlay: tuple[float, float] = (1, 1),
) -> Tensor:
    """The terms of TNCE one by one: block, then C^r, then C^o. An alpha is (same, cross)."""
    # For each relation, the other relations and the alphas between.
    rivals = {
        0: [(1, reversal), (2, overlay)],
        1: [(0, reversal), (2, overlay)],
        2: [(0, overlay), (1, overlay)],
    }
    total = scale.new_zeros(())
    for first, second in ((audio, text), (text, audio)):
        for i, (relation, pair) in enumerate(rows):
            below = scale.new_zeros(())
            for j, (other, _) in enumerate(rows):
                if other == relation:
                    below = below + torch.exp(scale * first[i] @ second[j])
            for rival, (same, cross) in rivals[relation]:
                for j, (other, other_pair) in enumerate(rows):
                    if other == rival:
                        alpha = same if other_pair == pair else cross
                        below = below + alpha * torch.exp(scale * first[i] @ second[j])
            total = total - torch.log(torch.exp(scale * first[i] @ second[i]) / below)
    return total / (2 * len(rows))


def random_scale(seed: int) -> Tensor:
    return 1 + 9 * torch.rand((), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class TestTact:
    # Row 1 is forward, row 2 its reversal. Logits [[1.2, 0.0], [1.6, 2.0]], alpha_same 0.5:
    #   sound to text: ln(1 + 0.5 e^-1.2) = 0.14028103, ln(1 + 0.5 e^-0.4) = 0.28905115
    #   text to sound: ln(1 + 0.5 e^0.4) = 0.55727726, ln(1 + 0.5 e^-2.0) = 0.06547650
    # and with alpha_cross 0.25, when row 2 is the reversal of something else:
    #   sound to text: 0.07259835, 0.15493324; text to sound: 0.31696621, 0.03327405
    @pytest.mark.parametrize(
        ("pair", "beta", "expected"),
        [
            (0, 1.0, (0.14028103 + 0.28905115 + 0.55727726 + 0.06547650) / 4),
            (0, 0.0, (0.14028103 + 0.55727726) / 2),
            (0, 3.0, (0.14028103 + 0.55727726 + 3 * 0.28905115 + 3 * 0.06547650) / 8),
            (1, 1.0, (0.07259835 + 0.15493324 + 0.31696621 + 0.03327405) / 4),
        ],
    )
    def test_hand_worked_two_by_two(self, pair: int, beta: float, expected: float) -> None:
        block, pairs = labels([(0, 0), (1, pair)])
        loss = tact(AUDIO, TEXT, SCALE, block, pairs, alpha_same=0.5, alpha_cross=0.25, beta=beta)
        assert loss.item() == pytest.approx(expected, abs=1e-8)

    @given(st.integers(0, 10_000), st.integers(1, 4), ALPHAS, ALPHAS, ALPHAS)
    @settings(max_examples=30, deadline=None)
    def test_equals_the_slow_formula(
        self, seed: int, n: int, alpha_same: float, alpha_cross: float, beta: float
    ) -> None:
        block, pair = labels([(relation, i) for relation in (0, 1) for i in range(n)])
        assert_same_with_gradients(
            lambda a, t, s: tact(a, t, s, block, pair, alpha_same, alpha_cross, beta),
            lambda a, t, s: slow_tact(a, t, s, alpha_same, alpha_cross, beta),
            *unit_rows(seed, 2, 2 * n, 4),
            random_scale(seed),
        )

    def test_only_reversed_rows_at_beta_zero_cost_nothing(self) -> None:
        block, pair = labels([(1, 0), (1, 1)])
        assert_zero_with_gradients(lambda a, t: tact(a, t, SCALE, block, pair, beta=0), AUDIO, TEXT)

    def test_gradients(self) -> None:
        audio, text = (x.clone().requires_grad_() for x in unit_rows(5, 2, 4, 3))
        scale = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
        block, pair = labels([(0, 0), (1, 0), (0, 1), (1, 1)])
        alike = torch.zeros(4, 4, dtype=torch.bool)
        alike[0, 3] = True
        assert torch.autograd.gradcheck(
            lambda a, t, s: tact(a, t, s, block, pair, 0.0, 2.0, 0.5, alike), (audio, text, scale)
        )


class TestTnce:
    # Logits [[1.2, 0.0], [1.6, 2.0]] as for TACT; row 1 and row 2 in two relations. Of the four alphas only
    # that which stands between them has a say:
    #   0.5:  (0.14028103 + 0.28905115 + 0.55727726 + 0.06547650) / 4 = 0.26302148
    #   0.25: (0.07259835 + 0.15493324 + 0.31696621 + 0.03327405) / 4 = 0.14444296
    #   2:    (0.47149528 + 0.85042444 + 1.38219833 + 0.23954477) / 4 = 0.73591570
    #   0: nothing competes
    @pytest.mark.parametrize(
        ("rows", "expected"),
        [
            ([(0, 0), (1, 0)], 0.26302148),  # same_reversed
            ([(1, 0), (0, 0)], 0.26302148),
            ([(0, 0), (1, 1)], 0.14444296),  # cross_reversed
            ([(0, 0), (2, 0)], 0.73591570),  # same_overlaid
            ([(2, 0), (1, 0)], 0.73591570),
            ([(0, 0), (2, 1)], 0.0),  # cross_overlaid
            ([(1, 0), (2, 1)], 0.0),
            ([(2, 0), (2, 1)], 0.45406024),  # one block: InfoNCE
        ],
    )
    def test_hand_worked_two_by_two(self, rows: Rows, expected: float) -> None:
        loss = tnce(AUDIO, TEXT, SCALE, *labels(rows), 0.5, 0.25, 2.0, 0.0)
        assert loss.item() == pytest.approx(expected, abs=1e-8)

    @given(st.integers(0, 10_000), st.integers(1, 3), st.tuples(*[ALPHAS] * 4))
    @settings(max_examples=30, deadline=None)
    def test_equals_the_slow_formula(
        self, seed: int, n: int, alphas: tuple[float, float, float, float]
    ) -> None:
        rows = [(relation, i) for relation in (0, 1, 2) for i in range(n)]
        same_reversed, cross_reversed, same_overlaid, cross_overlaid = alphas
        assert_same_with_gradients(
            lambda a, t, s: tnce(a, t, s, *labels(rows), *alphas),
            lambda a, t, s: slow_tnce(
                a, t, s, rows, (same_reversed, cross_reversed), (same_overlaid, cross_overlaid)
            ),
            *unit_rows(seed, 2, 3 * n, 4),
            random_scale(seed),
        )

    @given(st.integers(0, 10_000))
    @settings(max_examples=10, deadline=None)
    def test_blocks_of_different_sizes_in_any_order(self, seed: int) -> None:
        # Pair 1 has no overlay, pair 2 nothing but one, pair 3 no reversal.
        rows = [(0, 0), (1, 0), (2, 0), (1, 1), (0, 1), (2, 2), (2, 3), (0, 3)]
        assert_same_with_gradients(
            lambda a, t, s: tnce(a, t, s, *labels(rows), 0.5, 0.7, 2.0, 0.3),
            lambda a, t, s: slow_tnce(a, t, s, rows, (0.5, 0.7), (2.0, 0.3)),
            *unit_rows(seed, 2, len(rows), 4),
            random_scale(seed),
        )

    @given(st.integers(0, 10_000))
    @settings(max_examples=20, deadline=None)
    def test_the_order_of_the_batch_and_the_names_of_pairs_do_not_matter(self, seed: int) -> None:
        audio, text = unit_rows(seed, 2, 6, 4)
        block, pair = labels([(relation, i) for relation in (0, 1, 2) for i in (0, 1)])
        order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
        alphas = (0.5, 0.7, 2.0, 0.3)
        before = tnce(audio, text, 5.0, block, pair, *alphas).item()
        after = tnce(audio[order], text[order], 5.0, block[order], 40 - 7 * pair[order], *alphas).item()
        assert after == pytest.approx(before, abs=1e-12)

    @given(st.integers(0, 10_000))
    @settings(max_examples=20, deadline=None)
    def test_alphas_of_one_make_one_batch_of_all_and_of_zero_three_batches(self, seed: int) -> None:
        audio, text = unit_rows(seed, 2, 6, 4)
        block, pair = labels([(relation, i) for relation in (0, 1, 2) for i in (0, 1)])
        together = tnce(audio, text, 5.0, block, pair).item()
        assert together == pytest.approx(info_nce(audio, text, 5.0).item(), abs=1e-12)
        alone = [info_nce(audio[i : i + 2], text[i : i + 2], 5.0).item() for i in (0, 2, 4)]
        apart = tnce(audio, text, 5.0, block, pair, 0, 0, 0, 0).item()
        assert apart == pytest.approx(sum(alone) / 3, abs=1e-12)

    @given(st.integers(0, 10_000), ALPHAS, ALPHAS)
    @settings(max_examples=20, deadline=None)
    def test_without_overlays_it_is_tact(self, seed: int, alpha_same: float, alpha_cross: float) -> None:
        audio, text = unit_rows(seed, 2, 4, 4)
        block, pair = labels([(0, 0), (0, 1), (1, 0), (1, 1)])
        two = tact(audio, text, 5.0, block, pair, alpha_same, alpha_cross).item()
        three = tnce(audio, text, 5.0, block, pair, alpha_same, alpha_cross, 9, 9).item()
        assert three == pytest.approx(two, abs=1e-12)

    def test_what_is_alike_does_not_compete_whatever_its_weight(self) -> None:
        block, pair = labels([(0, 0), (1, 1)])
        alike = torch.tensor([[True, True], [False, True]])
        # Only sound 2 with text 1 is left: ln(1 + 5 e^-0.4) and ln(1 + 5 e^0.4), the other two rows are free.
        expected = (math.log1p(5 * math.exp(-0.4)) + math.log1p(5 * math.exp(0.4))) / 4
        for loss in (
            tnce(AUDIO, TEXT, SCALE, block, pair, cross_reversed=5, alike=alike),
            tact(AUDIO, TEXT, SCALE, block, pair, alpha_cross=5, alike=alike),
        ):
            assert loss.item() == pytest.approx(expected, abs=1e-12)

    def test_gradients(self) -> None:
        audio, text = (x.clone().requires_grad_() for x in unit_rows(5, 2, 5, 3))
        scale = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
        block, pair = labels([(0, 0), (1, 0), (2, 0), (0, 1), (2, 1)])
        assert torch.autograd.gradcheck(
            lambda a, t, s: tnce(a, t, s, block, pair, 0.0, 2.0, 0.5, 0.0), (audio, text, scale)
        )

    def test_single_precision_gives_what_double_does(self) -> None:
        audio, text = unit_rows(6, 2, 6, 8)
        block, pair = labels([(relation, i) for relation in (0, 1, 2) for i in (0, 1)])
        exact = tnce(audio, text, 100.0, block, pair, 0.1, 0, 0.3, 2).item()
        single = tnce(audio.float(), text.float(), 100.0, block, pair, 0.1, 0, 0.3, 2)
        assert single.dtype == torch.float32
        assert single.item() == pytest.approx(exact, rel=1e-5)


def authors_teminal(audio: Tensor, text: Tensor, alpha_same: float, alpha_cross: float) -> Tensor:
    """Stage B as the authors' code goes about it: an alpha matrix is added to six of the nine blocks."""
    n = len(audio) // 3
    alpha = torch.full((n, n), alpha_cross, dtype=audio.dtype)
    alpha[range(n), range(n)] = alpha_same
    total = audio.new_zeros(())
    for first, second in ((text, audio), (audio, text)):
        logits = torch.mm(first, second.T)
        shift = torch.zeros_like(logits)
        for row in range(3):
            for column in range(3):
                if row != column:
                    shift[row * n : (row + 1) * n, column * n : (column + 1) * n] = torch.log(alpha + 1e-8)
        total = total + F.cross_entropy(logits + shift, torch.arange(3 * n))
    return 0.8 * total


class TestTnceRawDot:
    def test_hand_worked_two_by_two(self) -> None:
        # Products [[1, 3], [0, 1]], of vectors that are not unit vectors. All alphas 1:
        #   sound to text: ln(1 + e^2) = 2.12692801, ln(1 + e^-1) = 0.31326169
        #   text to sound: ln(1 + e^-1), ln(1 + e^2)
        # 0.8 * (1.22009485 + 1.22009485)
        audio = torch.tensor([[1.0, 2.0], [0.0, 1.0]], dtype=torch.float64)
        text = torch.tensor([[1.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
        loss = tnce_raw_dot(audio, text, *labels([(0, 0), (1, 0)]))
        assert loss.item() == pytest.approx(1.95215176, abs=1e-7)

    @given(st.integers(0, 10_000), st.integers(1, 4), ALPHAS, ALPHAS)
    @settings(max_examples=30, deadline=None)
    def test_equals_the_authors_way(self, seed: int, n: int, alpha_same: float, alpha_cross: float) -> None:
        rows = [(relation, i) for relation in (0, 1, 2) for i in range(n)]
        assert_same_with_gradients(
            lambda a, t: tnce_raw_dot(a, t, *labels(rows), alpha_same, alpha_cross),
            lambda a, t: authors_teminal(a, t, alpha_same, alpha_cross),
            *(4 * unit_rows(seed, 2, 3 * n, 5)),
        )

    def test_an_alpha_of_zero_still_weighs_1e_8(self) -> None:
        # A rival ahead by 30: ln(1 + 1e-8 e^30) is far from 0.
        audio = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
        text = torch.tensor([[0.0, 0.0], [30.0, 0.0]], dtype=torch.float64)
        block, pair = labels([(0, 0), (1, 0)])
        first = math.log1p(1e-8 * math.exp(30))
        second = math.log1p(1e-8)
        # Sound to text: first, second; text to sound: second (0 against 0), first (0 against 30).
        assert tnce_raw_dot(audio, text, block, pair, 0, 0).item() == pytest.approx(
            0.8 * (first + second), abs=1e-9
        )

    @given(st.integers(0, 10_000), st.floats(0.5, 5))
    @settings(max_examples=20, deadline=None)
    def test_lengths_act_as_a_scale(self, seed: int, length: float) -> None:
        audio, text = unit_rows(seed, 2, 6, 4)
        block, pair = labels([(relation, i) for relation in (0, 1, 2) for i in (0, 1)])
        raw = tnce_raw_dot(length * audio, length * text, block, pair, 0.5, 0.7).item()
        scaled = tnce(audio, text, length**2, block, pair, 0.5, 0.7, 0.5, 0.7).item()
        assert raw == pytest.approx(1.6 * scaled, abs=1e-6)
