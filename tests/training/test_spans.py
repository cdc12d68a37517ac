"""Reading lessons: whose word is whose, and what is lost by reading otherwise."""

import math

import pytest
import torch

from chronoclap import Clap
from chronoclap.models.compact import CompactModel
from chronoclap.scenes import caption
from chronoclap.training.spans import APART, SALIENCY_SHARE, owners, span_loss

TWO = caption(["dog", "rain"], "after")  # rain after dog
BOTH = caption(["dog", "rain"], "while")


@pytest.fixture(scope="module")
def model(tiny_clap: Clap) -> CompactModel:
    return tiny_clap.model


def words(model: CompactModel, text: str) -> list[str]:
    return model.tokenizer.encode(text).tokens


def read(model: CompactModel, made: object, when: dict[int, float], count: float = 0.0) -> float:
    """The loss of reading one caption: each event at its time, other words at 0 with this saliency."""
    owner = owners([made], model)
    time = torch.tensor([[when.get(int(event), 0.0) for event in owner[0]]])
    saliency = torch.where(owner >= 0, 1.0, count)
    saliency[:, [0, -1]] = 0
    return span_loss([made], model, time, saliency).mean().item()


def test_tokens_belong_to_the_events_that_they_name(model: CompactModel) -> None:
    made = caption(["dog", "rain"], "preceded-by", "article")
    owner = owners([made, TWO], model)
    for row, text in enumerate((made.text, TWO.text)):
        named = {
            k: [w for w, o in zip(words(model, text), owner[row].tolist(), strict=False) if o == k]
            for k in (0, 1)
        }
        assert ["".join(named[k]).replace("##", "") for k in (0, 1)] == ["dog", "rain"]
    assert owner[:, 0].tolist() == [-1, -1]


def test_a_perfect_reading_loses_nothing(model: CompactModel) -> None:
    assert read(model, TWO, {0: 0.0, 1: APART}) == 0
    assert read(model, TWO, {0: -7.0, 1: 5.0}) == 0  # further apart is as well
    assert read(model, BOTH, {0: 1.0, 1: 1.0}) == 0


def test_by_hand(model: CompactModel) -> None:
    # One temperature the wrong way round is four short of three.
    assert read(model, TWO, {0: 1.0, 1: 0.0}) == pytest.approx((APART + 1) ** 2)
    # Of the pairs of words of what sounds at once, those of two events are two apart.
    owner = owners([BOTH], model)[0]
    n = [int((owner == k).sum()) for k in (0, 1)]
    share = 2 * n[0] * n[1] / sum(n) ** 2
    assert read(model, BOTH, {0: 0.0, 1: 2.0}) == pytest.approx(4 * share)
    # A word that names nothing and counts as much as one that does.
    assert read(model, TWO, {0: 0.0, 1: APART}, count=1.0) == pytest.approx(SALIENCY_SHARE)


def test_words_that_name_should_count_alike(model: CompactModel) -> None:
    owner = owners([TWO], model)
    time = torch.where(owner == 1, APART, 0.0)
    saliency = (owner == 0) * 0.5 + (owner == 1) * 1.5
    weights = [(owner == k).sum().item() for k in (0, 1)]
    mean = (0.5 * weights[0] + 1.5 * weights[1]) / sum(weights)
    expected = sum(w * math.log(s / mean) ** 2 for w, s in zip(weights, (0.5, 1.5), strict=True)) / sum(
        weights
    )
    assert span_loss([TWO], model, time, saliency).item() == pytest.approx(SALIENCY_SHARE * expected)


def test_reading_is_learned(model: CompactModel) -> None:
    torch.manual_seed(0)
    tower = model.grow(3).text
    captions = [
        caption(order, name) for order in (["dog", "rain"], ["rain", "dog"]) for name in ("after", "then")
    ]
    tokens = model.tokens([made.text for made in captions])
    optimiser = torch.optim.Adam(tower.events.parameters(), lr=1e-2)
    losses = []
    for _ in range(120):
        loss = span_loss(captions, model, *tower.read(*tokens)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
