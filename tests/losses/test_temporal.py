"""T-CLAP's temporal-focused loss against hand-worked numbers, a slow transcription, and its properties."""

import math

import pytest
import torch
from hand_worked import (
    AUDIO,
    FALSE,
    SCALE,
    TEXT,
    assert_zero_with_gradients,
    coin_flips,
    dot,
    unit_rows,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from chronoclap.losses import Reading, temporal_focused

READINGS: tuple[Reading, ...] = ("pair", "batch-own", "batch-all")


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

    @pytest.mark.parametrize("reading", READINGS)
    def test_no_room_for_contradictions_is_zero(self, reading: Reading) -> None:
        assert_zero_with_gradients(
            lambda a, t, f, s: temporal_focused(a, t, f, s, reading),
            *(AUDIO, TEXT, FALSE[:, :0], torch.tensor(SCALE)),
        )

    @pytest.mark.parametrize("reading", READINGS)
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_masks_leave_finite_gradients(self, reading: Reading, dtype: torch.dtype) -> None:
        leaves = [x.to(dtype).requires_grad_() for x in (AUDIO, TEXT, FALSE, torch.tensor(100.0))]
        valid = torch.tensor([[True], [False]])
        loss = temporal_focused(*leaves, reading, valid, torch.ones(2, 2, dtype=torch.bool))
        assert loss.dtype == dtype
        for gradient in torch.autograd.grad(loss, leaves):
            assert torch.isfinite(gradient).all()
            assert gradient.any()

    @pytest.mark.parametrize("reading", READINGS)
    def test_the_order_of_the_batch_does_not_matter(self, reading: Reading) -> None:
        audio, text = unit_rows(12, 2, 4, 5)
        false = unit_rows(13, 4, 2, 5)
        valid, alike = coin_flips(14, 0.6, 4, 2), coin_flips(15, 0.3, 4, 4)
        order = torch.tensor([2, 0, 3, 1])
        before = temporal_focused(audio, text, false, 5.0, reading, valid, alike).item()
        after = temporal_focused(
            audio[order], text[order], false[order], 5.0, reading, valid[order], alike[order][:, order]
        ).item()
        assert after == pytest.approx(before, abs=1e-12)
