"""The pooling that both towers share, against hand-worked numbers and the properties it promises."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from chronoclap.models.compact.events import (
    CUT_SHARPNESS,
    HEARD,
    LEAST_CHANGE,
    affinity,
    event_moments,
    first_gains,
    unparted,
)

SHARP = torch.tensor(1e-3, dtype=torch.float64)  # far below the distance of any two events here


def parts(seed: int, lengths: tuple[int, ...], dim: int = 6) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Events one after another: content, saliency, affinity (1 within an event) and time, a batch of one."""
    generator = torch.Generator().manual_seed(seed)
    event = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    content = F.normalize(torch.randn(len(lengths), dim, generator=generator, dtype=torch.float64), dim=-1)[
        event
    ]
    saliency = torch.ones(len(event), dtype=torch.float64)
    same = (event[:, None] == event).double()
    return content[None], saliency[None], same[None], torch.arange(len(event), dtype=torch.float64)[None]


def slow_moments(
    content: Tensor, saliency: Tensor, same: Tensor, time: Tensor, temperature: float, moments: int
) -> list[list[float]]:
    """The formulas of the module, one sum after another, for a batch of one."""
    (c, s, k, t), n = (x[0].tolist() for x in (content, saliency, same, time)), saliency.shape[1]
    total = [sum(k[i][j] * s[j] for j in range(n)) for i in range(n)]
    event = []
    for i in range(n):
        mixed = [sum(k[i][j] * s[j] * c[j][x] for j in range(n)) for x in range(len(c[0]))]
        norm = math.sqrt(sum(value**2 for value in mixed))
        event.append([value / norm for value in mixed])
    weight = [s[i] / total[i] for i in range(n)]
    weight = [w / sum(weight) for w in weight]
    centre = [sum(k[i][j] * s[j] * t[j] for j in range(n)) / total[i] for i in range(n)]
    place = [
        sum(weight[j] / (1 + math.exp(-(centre[i] - centre[j]) / temperature)) for j in range(n))
        for i in range(n)
    ]
    return [
        [
            sum(weight[i] * math.cos(math.pi * m * place[i]) * event[i][x] for i in range(n))
            for x in range(len(c[0]))
        ]
        for m in range(moments)
    ]


class TestEventMoments:
    def test_two_events_by_hand(self) -> None:
        # One part each, "x" then "y". Weights 1/2; event times 1/2 * 1/2 = 1/4 and 1/2 + 1/2 * 1/2 = 3/4.
        #   m_0 = (1/2, 1/2)
        #   m_1 = (cos(pi/4), cos(3 pi/4)) / 2 = (0.35355339, -0.35355339)
        #   m_2 = (cos(pi/2), cos(3 pi/2)) / 2 = (0, 0)
        #   m_3 = (cos(3 pi/4), cos(9 pi/4)) / 2 = (-0.35355339, 0.35355339)
        content = torch.eye(2, dtype=torch.float64)[None]
        ones, apart = torch.ones(1, 2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)[None]
        moments = event_moments(content, ones, apart, torch.tensor([[0.0, 1.0]]).double(), SHARP, 4)[0]
        expected = [[0.5, 0.5], [0.35355339, -0.35355339], [0, 0], [-0.35355339, 0.35355339]]
        torch.testing.assert_close(moments, torch.tensor(expected).double(), atol=1e-7, rtol=0)

    def test_three_events_by_hand(self) -> None:
        # Event times 1/6, 1/2, 5/6, in degrees:
        #   m_1 = (cos 30, cos 90, cos 150) / 3, m_2 = (cos 60, cos 180, cos 300) / 3
        content, saliency, same, time = parts(0, (1, 1, 1))
        content = torch.eye(3, dtype=torch.float64)[None]
        moments = event_moments(content, saliency, same, time, SHARP, 3)[0]
        expected = [[1 / 3] * 3, [0.28867513, 0, -0.28867513], [1 / 6, -1 / 3, 1 / 6]]
        torch.testing.assert_close(moments, torch.tensor(expected).double(), atol=1e-7, rtol=0)

    def test_two_at_once_differ_from_two_in_turn_in_the_last_moment(self) -> None:
        # Equal times: both at 1/2, so m_1 = 0 and m_2 = -m_0, where two in turn have m_2 = 0.
        content, saliency, same, _ = parts(1, (1, 1))
        moments = event_moments(content, saliency, same, torch.zeros(1, 2).double(), SHARP, 3)[0]
        torch.testing.assert_close(moments[1], torch.zeros_like(moments[1]), atol=1e-12, rtol=0)
        torch.testing.assert_close(moments[2], -moments[0])

    @given(st.integers(0, 10_000), st.integers(1, 6), st.floats(0.05, 3))
    @settings(max_examples=25, deadline=None)
    def test_equals_the_formulas(self, seed: int, n: int, temperature: float) -> None:
        generator = torch.Generator().manual_seed(seed)
        content = torch.randn(1, n, 3, generator=generator, dtype=torch.float64)
        saliency = 0.1 + torch.rand(1, n, generator=generator, dtype=torch.float64)
        same = affinity(torch.randn(1, n, 2, generator=generator, dtype=torch.float64))
        time = 4 * torch.rand(1, n, generator=generator, dtype=torch.float64)
        fast = event_moments(content, saliency, same, time, torch.tensor(temperature).double(), 4)[0]
        slow = slow_moments(content, saliency, same, time, float(torch.tensor(temperature).double()), 4)
        torch.testing.assert_close(fast, torch.tensor(slow, dtype=torch.float64), atol=1e-9, rtol=1e-7)
        one = event_moments(content, saliency, same, time, torch.tensor(temperature).double(), 1)[0]
        torch.testing.assert_close(one, fast[:1])

    @given(st.integers(0, 10_000), st.lists(st.integers(1, 4), min_size=2, max_size=4))
    @settings(max_examples=25, deadline=None)
    def test_reversing_time_negates_odd_moments_and_keeps_even_ones(
        self, seed: int, lengths: list[int]
    ) -> None:
        content, saliency, same, time = parts(seed, tuple(lengths))
        forward = event_moments(content, saliency, same, time, torch.tensor(0.3).double(), 4)
        backward = event_moments(content, saliency, same, -time, torch.tensor(0.3).double(), 4)
        torch.testing.assert_close(backward, forward * torch.tensor([1, -1, 1, -1]).double()[:, None])
        assert forward[0, 1].norm() > 0.05

    def test_swapping_two_events_negates_the_first_moment(self) -> None:
        a, b = parts(2, (1, 1))[0][0]
        _, saliency, same, time = parts(2, (1, 1))
        before = event_moments(torch.stack([a, b])[None], saliency, same, time, SHARP, 3)[0]
        after = event_moments(torch.stack([b, a])[None], saliency, same, time, SHARP, 3)[0]
        torch.testing.assert_close(after[[0, 2]], before[[0, 2]])
        torch.testing.assert_close(after[1], -before[1])

    @given(st.integers(0, 10_000), st.lists(st.integers(1, 7), min_size=1, max_size=4))
    @settings(max_examples=25, deadline=None)
    def test_lengthening_an_event_changes_nothing(self, seed: int, lengths: list[int]) -> None:
        long = event_moments(*parts(seed, tuple(lengths)), SHARP, 3)
        short = event_moments(*parts(seed, (1,) * len(lengths)), SHARP, 3)
        torch.testing.assert_close(long, short, atol=1e-9, rtol=0)

    @given(st.integers(0, 10_000), st.floats(0.01, 50), st.integers(0, 2))
    @settings(max_examples=25, deadline=None)
    def test_an_event_counts_once_however_salient(self, seed: int, gain: float, event: int) -> None:
        content, saliency, same, time = parts(seed, (2, 1, 3))
        louder = saliency.clone()
        louder[:, [slice(0, 2), slice(2, 3), slice(3, 6)][event]] *= gain
        before = event_moments(content, saliency, same, time, SHARP, 3)
        torch.testing.assert_close(
            event_moments(content, louder, same, time, SHARP, 3), before, atol=1e-9, rtol=0
        )

    def test_parts_without_saliency_are_not_there(self) -> None:
        content, saliency, same, time = parts(3, (2, 2, 1))
        keep = [0, 1, 4]
        saliency[:, 2:4] = 0
        shorter = event_moments(
            content[:, keep], saliency[:, keep], same[:, keep][:, :, keep], time[:, keep], SHARP, 3
        )
        torch.testing.assert_close(event_moments(content, saliency, same, time, SHARP, 3), shorter)

    @pytest.mark.parametrize("moments", [1, 3])
    def test_no_saliency_at_all_gives_zeros_not_nan(self, moments: int) -> None:
        content, saliency, same, time = parts(4, (2, 2))
        pooled = event_moments(content, 0 * saliency, same, time, SHARP, moments)
        assert pooled.shape == (1, moments, 6)
        assert not pooled.any()

    @given(st.integers(0, 10_000), st.permutations(range(5)))
    @settings(max_examples=25, deadline=None)
    def test_the_order_in_memory_does_not_matter(self, seed: int, order: list[int]) -> None:
        content, saliency, same, time = parts(seed, (2, 1, 2))
        shuffled = event_moments(
            content[:, order], saliency[:, order], same[:, order][:, :, order], time[:, order], SHARP, 3
        )
        torch.testing.assert_close(shuffled, event_moments(content, saliency, same, time, SHARP, 3))

    def test_the_unit_of_time_does_not_matter(self) -> None:
        content, saliency, same, time = parts(5, (2, 1, 3))
        seconds = event_moments(content, saliency, same, time, torch.tensor(0.7).double(), 3)
        milliseconds = event_moments(content, saliency, same, 1000 * time, torch.tensor(700.0).double(), 3)
        torch.testing.assert_close(milliseconds, seconds)

    def test_gradients_reach_everything(self) -> None:
        generator = torch.Generator().manual_seed(6)
        content, key = torch.randn(2, 1, 4, 3, generator=generator, dtype=torch.float64)
        saliency = 0.2 + torch.rand(1, 4, generator=generator, dtype=torch.float64)
        time = torch.rand(1, 4, generator=generator, dtype=torch.float64)
        leaves = [x.requires_grad_() for x in (content, saliency, key, time, torch.tensor(0.4).double())]
        assert torch.autograd.gradcheck(
            lambda c, s, k, t, width: event_moments(c, s, affinity(k), t, width, 3), leaves
        )


class TestAffinity:
    def test_by_hand(self) -> None:
        # Squared distances 0, 1 + 4 = 5 and 0.25 apart.
        key = torch.tensor([[[0.0, 0.0], [1.0, 2.0], [0.0, 0.5]]])
        expected = torch.tensor([[1, math.exp(-5), math.exp(-0.25)], [0, 1, math.exp(-3.25)], [0, 0, 1]])
        torch.testing.assert_close(affinity(key)[0].triu(), expected, atol=1e-6, rtol=0)

    @given(st.integers(0, 10_000))
    @settings(max_examples=25, deadline=None)
    def test_is_symmetric_and_within_bounds(self, seed: int) -> None:
        key = 30 * torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(seed))
        same = affinity(key)
        torch.testing.assert_close(same, same.transpose(1, 2))
        assert same.min() >= 0
        assert same.max() <= 1
        torch.testing.assert_close(same.diagonal(dim1=1, dim2=2), torch.ones(2, 5), atol=2e-3, rtol=0)


def slow_unparted(key: list[list[float]], saliency: list[float]) -> list[list[float]]:
    """The formulas of `unparted`, one sum after another, for one recording of which every part is heard."""
    n, dim = len(key), len(key[0])

    def mean(parts: range) -> list[float]:
        return [
            sum(saliency[i] * key[i][x] for i in parts) / sum(saliency[i] for i in parts) for x in range(dim)
        ]

    change = []
    for k in range(1, n):
        a, b = mean(range(k)), mean(range(k, n))
        before, after = sum(saliency[:k]), sum(saliency[k:])
        apart = sum((x - y) ** 2 for x, y in zip(a, b, strict=True))
        change.append(apart * math.sqrt(before * after / (before + after)))
    exps = [math.exp(CUT_SHARPNESS * d) for d in change]
    place = [e / (sum(exps) + math.exp(CUT_SHARPNESS * LEAST_CHANGE)) for e in exps]
    return [[1 - sum(place[min(i, j) : max(i, j)]) for j in range(n)] for i in range(n)]


class TestUnparted:
    def test_two_sounds_by_hand(self) -> None:
        # Keys 0, 0, 2 with saliency 1: after one part the means are 0 and 1, change 1 * sqrt(1 * 2 / 3);
        # after two they are 0 and 2, change 4 * sqrt(2 * 1 / 3). The second place has
        # 1 / (1 + exp(8 * (0.8165 - 3.2660)) + exp(8 * (1 - 3.2660))), all but 2e-8.
        key = torch.tensor([[[0.0], [0.0], [2.0]]], dtype=torch.float64)
        expected = torch.tensor([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=torch.float64)
        kept = unparted(key, torch.ones(1, 3, dtype=torch.float64))[0]
        torch.testing.assert_close(kept, expected, atol=2e-8, rtol=0)

    def test_nothing_is_cut_where_nothing_changes(self) -> None:
        # Three places with 1 / (3 + exp(8)) = 0.0003351 each.
        key = torch.ones(1, 4, 2, dtype=torch.float64)
        kept = unparted(key, torch.ones(1, 4, dtype=torch.float64))[0]
        expected = torch.tensor([1, 0.9996649, 0.9993298, 0.9989947], dtype=torch.float64)
        torch.testing.assert_close(kept[0], expected, atol=1e-6, rtol=0)

    @given(st.integers(0, 10_000), st.integers(2, 7))
    @settings(max_examples=25, deadline=None)
    def test_equals_the_formulas(self, seed: int, n: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        key = 0.5 * torch.randn(1, n, 3, generator=generator, dtype=torch.float64)
        saliency = 0.1 + torch.rand(1, n, generator=generator, dtype=torch.float64)
        slow = slow_unparted(key[0].tolist(), saliency[0].tolist())
        expected = torch.tensor(slow, dtype=torch.float64)
        torch.testing.assert_close(unparted(key, saliency)[0], expected, atol=1e-9, rtol=0)

    @given(st.integers(0, 10_000), st.integers(2, 7))
    @settings(max_examples=25, deadline=None)
    def test_a_reversed_recording_is_parted_at_the_same_place(self, seed: int, n: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        key = torch.randn(1, n, 3, generator=generator, dtype=torch.float64)
        saliency = 0.1 + torch.rand(1, n, generator=generator, dtype=torch.float64)
        backward = unparted(key.flip(1), saliency.flip(1)).flip(1, 2)
        torch.testing.assert_close(backward, unparted(key, saliency))

    def test_padding_parts_nothing(self) -> None:
        generator = torch.Generator().manual_seed(0)
        key = torch.randn(1, 5, 3, generator=generator, dtype=torch.float64)
        saliency = torch.tensor([[0.0, 1, 0.7, 0.4, 0]], dtype=torch.float64)
        kept = unparted(key, saliency)[:, 1:4, 1:4]
        torch.testing.assert_close(kept, unparted(key[:, 1:4], saliency[:, 1:4]))

    @pytest.mark.parametrize("saliency", [[0.0, 0, 0], [0, 1, 0], [HEARD / 2, 1, HEARD / 2]])
    def test_one_part_that_is_heard_has_no_place_for_a_cut(self, saliency: list[float]) -> None:
        key = torch.randn(1, 3, 2, generator=torch.Generator().manual_seed(1))
        torch.testing.assert_close(unparted(key, torch.tensor([saliency])), torch.ones(1, 3, 3))
        assert unparted(key[:, :1], torch.ones(1, 1)).tolist() == [[[1.0]]]

    def test_gradients_reach_everything(self) -> None:
        generator = torch.Generator().manual_seed(2)
        key = 0.3 * torch.randn(1, 4, 2, generator=generator, dtype=torch.float64)
        saliency = 0.3 + torch.rand(1, 4, generator=generator, dtype=torch.float64)
        assert torch.autograd.gradcheck(unparted, (key.requires_grad_(), saliency.requires_grad_()))


class TestFirstGains:
    def test_products_are_integrals_over_event_time_but_for_the_order(self) -> None:
        assert first_gains(1).shape == (0,)
        assert first_gains(4).tolist() == pytest.approx([2, 2**0.5, 2**0.5])
