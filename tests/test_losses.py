"""Losses against hand-worked numbers, against slow transcriptions of their formulas, and their properties."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from chronoclap.losses import Reading, info_nce, temporal_focused

READINGS: tuple[Reading, ...] = ("pair", "batch-own", "batch-all")

# The hand-worked case: cosines can be read off, the scale is 2, so
#   2 A T' = [[1.2, 0.0],     audio 1 with text 1, text 2
#             [1.6, 2.0]]     audio 2
#   2 A N' = [[1.6, 1.2],     audio 1 with contradiction 1, contradiction 2
#             [1.2, -1.6]]    audio 2
AUDIO = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
TEXT = torch.tensor([[0.6, 0.8], [0.0, 1.0]], dtype=torch.float64)
FALSE = torch.tensor([[[0.8, 0.6]], [[0.6, -0.8]]], dtype=torch.float64)
SCALE = 2.0


def unit_rows(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(*shape, generator=generator, dtype=torch.float64), dim=-1)


def dot(a: Tensor, b: Tensor) -> float:
    return sum(float(x) * float(y) for x, y in zip(a, b, strict=True))


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


def slow_temporal(
    audio: Tensor,
    text: Tensor,
    false: Tensor,
    scale: float,
    reading: Reading,
    valid: Tensor | None = None,
    alike: Tensor | None = None,
) -> float:
    b, k, _ = false.shape
    there = [[valid is None or bool(valid[i, n]) for n in range(k)] for i in range(b)]
    terms = []
    for i in range(b):
        if not any(there[i]):
            continue
        above = math.exp(scale * dot(audio[i], text[i]))
        below = above
        if reading != "pair":
            for j in range(b):
                if j != i and not (alike is not None and bool(alike[i, j])):
                    below += math.exp(scale * dot(audio[i], text[j]))
        for owner in range(b) if reading == "batch-all" else (i,):
            for n in range(k):
                if there[owner][n]:
                    below += math.exp(scale * dot(audio[i], false[owner, n]))
        terms.append(-math.log(above / below))
    return sum(terms) / len(terms) if terms else 0.0


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


class TestTemporalFocused:
    # Logits of the hand-worked case:
    #   audio 1: true 1.2, other text 0.0, own contradiction 1.6, the other row's contradiction 1.2
    #   audio 2: true 2.0, other text 1.6, own contradiction -1.6, the other row's contradiction 1.2
    @pytest.mark.parametrize(
        ("reading", "expected"),
        [
            # (ln(1 + e^0.4) + ln(1 + e^-3.6)) / 2 = (0.91301525 + 0.02695701) / 2
            ("pair", 0.46998613),
            # (ln(1 + e^-1.2 + e^0.4) + ln(1 + e^-0.4 + e^-3.6)) / 2
            #   = (ln 2.79301891 + ln 1.69764377) / 2 = (1.02712307 + 0.52924128) / 2
            ("batch-own", 0.77818218),
            # (ln(2.79301891 + e^0) + ln(1.69764377 + e^-0.8)) / 2
            #   = (ln 3.79301891 + ln 2.14697273) / 2 = (1.33316223 + 0.76405884) / 2
            ("batch-all", 1.04861053),
        ],
    )
    def test_hand_worked_two_by_two(self, reading: Reading, expected: float) -> None:
        assert temporal_focused(AUDIO, TEXT, FALSE, SCALE, reading).item() == pytest.approx(
            expected, abs=1e-7
        )

    @given(st.integers(0, 10_000), st.integers(1, 5), st.floats(0.5, 100))
    @settings(max_examples=25, deadline=None)
    def test_one_contradiction_is_a_logistic_loss_of_the_margin(
        self, seed: int, b: int, scale: float
    ) -> None:
        audio, text, false = unit_rows(seed, 3, b, 6)
        margin = (audio * (text - false)).sum(-1)
        expected = torch.logaddexp(torch.zeros(()).double(), -scale * margin).mean().item()  # softplus
        assert temporal_focused(audio, text, false[:, None], scale).item() == pytest.approx(
            expected, abs=1e-9
        )

    @given(
        st.integers(0, 10_000),
        st.integers(1, 4),
        st.integers(1, 3),
        st.floats(0.5, 30),
        st.sampled_from(READINGS),
    )
    @settings(max_examples=40, deadline=None)
    def test_equals_the_slow_formula(self, seed: int, b: int, k: int, scale: float, reading: Reading) -> None:
        audio, text = unit_rows(seed, 2, b, 4)
        false = unit_rows(seed + 1, b, k, 4)
        generator = torch.Generator().manual_seed(seed)
        valid = torch.rand(b, k, generator=generator) < 0.6
        alike = torch.rand(b, b, generator=generator) < 0.3
        alike |= alike.T.clone()
        fast = temporal_focused(audio, text, false, scale, reading, valid, alike).item()
        assert fast == pytest.approx(
            slow_temporal(audio, text, false, scale, reading, valid, alike), abs=1e-9
        )
        plain = temporal_focused(audio, text, false, scale, reading).item()
        assert plain == pytest.approx(slow_temporal(audio, text, false, scale, reading), abs=1e-9)

    @pytest.mark.parametrize("reading", READINGS)
    def test_what_is_not_valid_is_never_looked_at(self, reading: Reading) -> None:
        audio, text = unit_rows(7, 2, 3, 4)
        false = unit_rows(8, 3, 2, 4)
        valid = torch.tensor([[True, False], [False, False], [True, True]])
        before = temporal_focused(audio, text, false, 5.0, reading, valid).item()
        false[~valid] = unit_rows(9, 3, 4)
        assert temporal_focused(audio, text, false, 5.0, reading, valid).item() == before

    def test_rows_without_contradiction_are_left_out_of_the_mean(self) -> None:
        valid = torch.tensor([[True], [False]])
        # Row 1 alone: ln(1 + e^0.4)
        loss = temporal_focused(AUDIO, TEXT, FALSE, SCALE, "pair", valid)
        assert loss.item() == pytest.approx(0.91301525, abs=1e-7)

    @pytest.mark.parametrize("reading", READINGS)
    def test_no_contradiction_at_all_is_zero_and_can_be_differentiated(self, reading: Reading) -> None:
        audio = AUDIO.clone().requires_grad_()
        none = torch.zeros(2, 1, dtype=torch.bool)
        loss = temporal_focused(audio, TEXT, FALSE, SCALE, reading, none)
        loss.backward()
        assert loss.item() == 0
        assert audio.grad is not None
        assert not audio.grad.any()

    def test_alike_rows_do_not_compete_in_reading_2(self) -> None:
        alike = torch.ones(2, 2, dtype=torch.bool)
        own = temporal_focused(AUDIO, TEXT, FALSE, SCALE, "batch-own", alike=alike)
        assert own.item() == pytest.approx(0.46998613, abs=1e-7)  # only the order pair is left: reading 1
        pair = temporal_focused(AUDIO, TEXT, FALSE, SCALE, "pair", alike=alike)
        assert pair.item() == pytest.approx(0.46998613, abs=1e-7)  # and reading 1 takes no notice

    def test_one_row_makes_both_forms_of_reading_2_reading_1(self) -> None:
        values = {r: temporal_focused(AUDIO[:1], TEXT[:1], FALSE[:1], SCALE, r).item() for r in READINGS}
        assert values["batch-own"] == pytest.approx(values["pair"], abs=1e-12)
        assert values["batch-all"] == pytest.approx(values["pair"], abs=1e-12)

    @given(st.integers(0, 10_000), st.sampled_from(READINGS))
    @settings(max_examples=25, deadline=None)
    def test_each_reading_has_more_rivals_than_the_one_before(self, seed: int, reading: Reading) -> None:
        audio, text = unit_rows(seed, 2, 4, 5)
        false = unit_rows(seed + 1, 4, 2, 5)
        pair, own, all_ = (temporal_focused(audio, text, false, 6.0, r).item() for r in READINGS)
        assert 0 < pair < own < all_

    @given(st.integers(0, 10_000), st.floats(0.05, 0.5), st.sampled_from(READINGS))
    @settings(max_examples=25, deadline=None)
    def test_falls_when_the_true_caption_moves_nearer_and_rises_with_the_false_one(
        self, seed: int, share: float, reading: Reading
    ) -> None:
        # One row, so that nothing else moves with the caption.
        audio, text, false = unit_rows(seed, 3, 1, 6)
        before = temporal_focused(audio, text, false[:, None], 4.0, reading).item()
        nearer = F.normalize(text + share * audio, dim=-1)
        assert temporal_focused(audio, nearer, false[:, None], 4.0, reading).item() < before
        nearer = F.normalize(false + share * audio, dim=-1)
        assert temporal_focused(audio, text, nearer[:, None], 4.0, reading).item() > before

    @pytest.mark.parametrize("reading", READINGS)
    def test_gradients(self, reading: Reading) -> None:
        audio, text = (x.clone().requires_grad_() for x in unit_rows(10, 2, 3, 4))
        false = unit_rows(11, 3, 2, 4).requires_grad_()
        scale = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
        valid = torch.tensor([[True, False], [False, False], [True, True]])
        alike = torch.tensor([[1, 0, 1], [0, 1, 0], [1, 0, 1]], dtype=torch.bool)
        assert torch.autograd.gradcheck(
            lambda a, t, f, s: temporal_focused(a, t, f, s, reading, valid, alike),
            (audio, text, false, scale),
        )

    def test_exchanging_sound_and_text_gives_the_other_direction(self) -> None:
        # The reversed sounds as contradictions of the texts: softplus(-2 t.(a - reversed)), by hand
        #   text 1: 2 (0.6 - 0.8) = -0.4, ln(1 + e^0.4) = 0.91301525
        #   text 2: 2 (1.0 - 0.0) = 2.0,  ln(1 + e^-2) = 0.12692801
        reversed_sounds = torch.tensor([[[0.0, 1.0]], [[1.0, 0.0]]], dtype=torch.float64)
        loss = temporal_focused(TEXT, AUDIO, reversed_sounds, SCALE)
        assert loss.item() == pytest.approx((0.91301525 + 0.12692801) / 2, abs=1e-7)
