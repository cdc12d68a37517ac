"""CompA's losses against hand-worked numbers, slow transcriptions, and their properties."""

import pytest
import torch
from hand_worked import (
    AUDIO,
    FALSE,
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

from chronoclap.losses import compa_hard_negatives, compa_modular, info_nce, temporal_focused

SEEDS = st.integers(0, 10_000)


def random_scale(seed: int) -> Tensor:
    return 1 + 9 * torch.rand((), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def symmetric(flips: Tensor) -> Tensor:
    return flips | flips.T


def slow_stage_two(
    audio: Tensor, text: Tensor, false: Tensor, scale: Tensor, valid: Tensor, alike: Tensor
) -> Tensor:
    b, k, _ = false.shape
    total = scale.new_zeros(())
    for i in range(b):
        above = torch.exp(scale * audio[i] @ text[i])
        to_text = to_audio = above
        for j in range(b):
            if j != i and not alike[i, j]:
                to_text = to_text + torch.exp(scale * audio[i] @ text[j])
            if j != i and not alike[j, i]:
                to_audio = to_audio + torch.exp(scale * text[i] @ audio[j])
        for n in range(k):
            if valid[i, n]:
                to_text = to_text + torch.exp(scale * audio[i] @ false[i, n])
        total = total - torch.log(above / to_text) - torch.log(above / to_audio)
    return total / (2 * b)


def slow_stage_three(
    audio: Tensor,
    captions: Tensor,
    false: Tensor,
    scale: Tensor,
    present: Tensor,
    valid: Tensor,
    alike: Tensor,
) -> Tensor:
    b, p, _ = captions.shape
    sounds, texts = [], []
    for i in range(b):
        rivals = scale.new_zeros(())
        for n in range(false.shape[1]):
            if valid[i, n]:
                rivals = rivals + torch.exp(scale * audio[i] @ false[i, n])
        for j in range(b):
            for q in range(p):
                if j != i and not alike[i, j] and present[j, q]:
                    rivals = rivals + torch.exp(scale * audio[i] @ captions[j, q])
        terms = []
        for q in range(p):
            if present[i, q]:
                above = torch.exp(scale * audio[i] @ captions[i, q])
                terms.append(-torch.log(above / (above + rivals)))
                below = above
                for j in range(b):
                    if j != i and not alike[j, i]:
                        below = below + torch.exp(scale * audio[j] @ captions[i, q])
                texts.append(-torch.log(above / below))
        if terms:
            sounds.append(sum(terms) / len(terms))
    return (sum(sounds) / len(sounds) + sum(texts) / len(texts)) / 2


class TestHardNegatives:
    def test_hand_worked_two_by_two(self) -> None:
        # Sound to text, own negative joined (logits 1.2 | 0.0, 1.6 and 2.0 | 1.6, -1.6):
        #   ln(1 + e^-1.2 + e^0.4) = 1.02712307, ln(1 + e^-0.4 + e^-3.6) = 0.52924128
        # Text to sound, as InfoNCE: ln(1 + e^0.4) = 0.91301525, ln(1 + e^-2.0) = 0.12692801
        loss = compa_hard_negatives(AUDIO, TEXT, FALSE, SCALE)
        assert loss.item() == pytest.approx((1.02712307 + 0.52924128 + 0.91301525 + 0.12692801) / 4, abs=1e-8)

    @given(SEEDS, st.integers(1, 4), st.integers(1, 3))
    @settings(max_examples=30, deadline=None)
    def test_equals_the_slow_formula(self, seed: int, b: int, k: int) -> None:
        valid, alike = coin_flips(seed, 0.6, b, k), coin_flips(seed + 1, 0.3, b, b)
        assert_same_with_gradients(
            lambda a, t, f, s: compa_hard_negatives(a, t, f, s, valid, alike),
            lambda a, t, f, s: slow_stage_two(a, t, f, s, valid, alike),
            *unit_rows(seed, 2, b, 4),
            unit_rows(seed + 2, b, k, 4),
            random_scale(seed),
        )

    @given(SEEDS)
    @settings(max_examples=20, deadline=None)
    def test_adds_to_info_nce_what_reading_2_of_t_clap_adds(self, seed: int) -> None:
        audio, text = unit_rows(seed, 2, 4, 5)
        false = unit_rows(seed + 1, 4, 2, 5)
        joined = temporal_focused(audio, text, false, 6.0, "batch-own")
        added = (joined - F.cross_entropy(6 * audio @ text.T, torch.arange(4))).item()
        loss = compa_hard_negatives(audio, text, false, 6.0) - info_nce(audio, text, 6.0)
        assert loss.item() == pytest.approx(added / 2, abs=1e-12)

    def test_without_negatives_it_is_info_nce(self) -> None:
        none = torch.zeros(2, 1, dtype=torch.bool)
        plain = info_nce(AUDIO, TEXT, SCALE).item()
        assert compa_hard_negatives(AUDIO, TEXT, FALSE, SCALE, none).item() == pytest.approx(plain, abs=1e-12)
        empty = compa_hard_negatives(AUDIO, TEXT, FALSE[:, :0], SCALE).item()
        assert empty == pytest.approx(plain, abs=1e-12)

    def test_negatives_of_other_rows_do_not_compete(self) -> None:
        def gradient_of(row: int) -> Tensor:
            false = FALSE.clone().requires_grad_()
            valid = torch.zeros(2, 1, dtype=torch.bool)
            valid[row] = True
            compa_hard_negatives(AUDIO, TEXT, false, SCALE, valid).backward()
            assert false.grad is not None
            return false.grad

        # A negative moves along its own sound (here an axis) and along no other.
        assert gradient_of(0)[0, 0, 1] == 0
        assert gradient_of(0)[0, 0, 0] > 0
        assert not gradient_of(0)[1].any()
        assert gradient_of(1)[1, 0, 0] == 0
        assert gradient_of(1)[1, 0, 1] > 0


class TestModular:
    def test_hand_worked_two_by_two(self) -> None:
        # Sound 1 has two captions, text 1 and what is contradiction 1 elsewhere; sound 2 has text 2.
        # Logits: sound 1 with its own 1.2, 1.6, with sound 2's caption 0.0; sound 2 with its own 2.0,
        # with sound 1's captions 1.6, 1.2.
        #   sound 1: (ln(1 + e^-1.2) + ln(1 + e^-1.6)) / 2 = (0.26328247 + 0.18390076) / 2
        #   sound 2: ln(1 + e^-0.4 + e^-0.8) = 0.75125051
        #   caption 1: ln(1 + e^0.4) = 0.91301525; caption 2: ln(1 + e^-0.4) = 0.51301525
        #   caption 3: ln(1 + e^-2) = 0.12692801
        captions = torch.stack([TEXT, FALSE[:, 0]], dim=1)
        present = torch.tensor([[True, True], [True, False]])
        expected = (
            ((0.26328247 + 0.18390076) / 2 + 0.75125051) / 2 + (0.91301525 + 0.51301525 + 0.12692801) / 3
        ) / 2
        loss = compa_modular(AUDIO, captions, FALSE[:, :0], SCALE, present)
        assert loss.item() == pytest.approx(expected, abs=1e-8)

    @given(SEEDS, st.integers(1, 4), st.integers(1, 3), st.integers(0, 2))
    @settings(max_examples=30, deadline=None)
    def test_equals_the_slow_formula(self, seed: int, b: int, p: int, k: int) -> None:
        present, valid = coin_flips(seed, 0.6, b, p), coin_flips(seed + 1, 0.6, b, k)
        present[-1, -1] = True  # otherwise there may be no caption at all
        alike = coin_flips(seed + 2, 0.3, b, b)
        assert_same_with_gradients(
            lambda a, c, f, s: compa_modular(a, c, f, s, present, valid, alike),
            lambda a, c, f, s: slow_stage_three(a, c, f, s, present, valid, alike),
            unit_rows(seed, b, 4),
            unit_rows(seed + 3, b, p, 4),
            unit_rows(seed + 4, b, k, 4),
            random_scale(seed),
        )

    @given(SEEDS)
    @settings(max_examples=20, deadline=None)
    def test_the_order_of_sounds_and_of_captions_does_not_matter(self, seed: int) -> None:
        audio, captions, false = unit_rows(seed, 3, 5), unit_rows(seed, 3, 4, 5), unit_rows(seed, 3, 2, 5)
        present, alike = coin_flips(seed, 0.7, 3, 4), coin_flips(seed, 0.3, 3, 3)
        before = compa_modular(audio, captions, false, 6.0, present, alike=alike).item()
        generator = torch.Generator().manual_seed(seed)
        rows, places = torch.randperm(3, generator=generator), torch.randperm(4, generator=generator)
        after = compa_modular(
            audio[rows],
            captions[rows][:, places],
            false[rows].flip(1),
            6.0,
            present[rows][:, places],
            alike=alike[rows][:, rows],
        ).item()
        assert after == pytest.approx(before, abs=1e-12)

    @given(SEEDS)
    @settings(max_examples=20, deadline=None)
    def test_own_captions_do_not_compete(self, seed: int) -> None:
        audio, captions, false = unit_rows(seed, 1, 5), unit_rows(seed, 1, 1, 5), unit_rows(seed + 1, 1, 2, 5)
        once = compa_modular(audio, captions, false, 6.0).item()
        twice = compa_modular(audio, captions.expand(-1, 2, -1), false, 6.0).item()
        assert twice == pytest.approx(once, abs=1e-12)

    def test_what_is_masked_is_never_looked_at(self) -> None:
        audio, captions, false = unit_rows(7, 3, 4), unit_rows(8, 3, 2, 4), unit_rows(9, 3, 2, 4)
        present = torch.tensor([[True, False], [False, False], [True, True]])
        valid = torch.tensor([[False, True], [True, True], [False, False]])
        before = compa_modular(audio, captions, false, 5.0, present, valid).item()
        captions[~present], false[~valid] = 3.0, -2.0
        assert compa_modular(audio, captions, false, 5.0, present, valid).item() == before

    def test_no_caption_at_all_is_zero_and_can_be_differentiated(self) -> None:
        none = torch.zeros(2, 2, dtype=torch.bool)
        captions = torch.stack([TEXT, FALSE[:, 0]], dim=1)
        assert_zero_with_gradients(
            lambda a, c, f, s: compa_modular(a, c, f, s, none), AUDIO, captions, FALSE, torch.tensor(2.0)
        )

    def test_gradients(self) -> None:
        audio, captions = unit_rows(10, 3, 4), unit_rows(11, 3, 2, 4)
        false, scale = unit_rows(12, 3, 2, 4), torch.tensor(3.0, dtype=torch.float64)
        present = torch.tensor([[True, False], [False, False], [True, True]])
        valid = torch.tensor([[True, False], [True, True], [False, False]])
        alike = symmetric(torch.tensor([[0, 0, 1], [0, 0, 0], [0, 0, 0]], dtype=torch.bool))
        assert torch.autograd.gradcheck(
            lambda a, c, f, s: compa_modular(a, c, f, s, present, valid, alike),
            tuple(x.requires_grad_() for x in (audio, captions, false, scale)),
        )

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_keeps_the_precision_it_is_given(self, dtype: torch.dtype) -> None:
        captions = torch.stack([TEXT, FALSE[:, 0]], dim=1)
        loss = compa_modular(AUDIO.to(dtype), captions.to(dtype), FALSE.to(dtype), 100.0)
        assert loss.dtype == dtype
        assert torch.isfinite(loss)
