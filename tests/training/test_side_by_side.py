"""Windows side by side have the gradients that they have one after the other."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

import chronoclap
from chronoclap.models.htsat_roberta import HtsatRoberta
from chronoclap.training.economy import recomputed
from chronoclap.training.side_by_side import embed_side_by_side
from small_htsat import laion_sound, write_with_transformers

WINDOWS = 5  # an odd number: threads have unequal shares, and one piece is short


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> HtsatRoberta:
    model = chronoclap.load(write_with_transformers(tmp_path_factory.mktemp("start") / "htsat")).model
    assert isinstance(model, HtsatRoberta)
    return model.train()


@pytest.fixture(scope="module")
def mels(model: HtsatRoberta) -> Tensor:
    sound = laion_sound()
    return torch.cat([model.log_mel(sound[k * 1000 :].copy()) for k in range(WINDOWS)])


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def dropout(model: nn.Module) -> list[nn.Dropout]:
    return [module for module in model.modules() if isinstance(module, nn.Dropout)]


def gradients(
    model: HtsatRoberta, mels: Tensor, *, threads: int = 2, seed: int = 0, plain: bool = False
) -> tuple[Tensor, dict[str, Tensor]]:
    """Vectors, and what a loss that wants something else of each does to the weights."""
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    model.zero_grad()
    vectors = model.embed_features(mels) if plain else embed_side_by_side(model, mels)
    wanted = torch.randn(vectors.shape, generator=torch.Generator().manual_seed(9))
    (vectors * wanted).sum().backward()
    return vectors.detach(), {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


def drift(a: dict[str, Tensor], b: dict[str, Tensor]) -> float:
    """The norm of what differs, of the norm of all."""
    assert a.keys() == b.keys()
    differ = sum(float((a[name] - b[name]).square().sum()) for name in a)
    return (differ / sum(float(value.square().sum()) for value in a.values())) ** 0.5


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_gradients_are_those_of_one_batch(model: HtsatRoberta, mels: Tensor, threads: int) -> None:
    kept = [(module, module.p) for module in dropout(model)]
    try:
        for module, _ in kept:
            module.p = 0.0
        vectors, found = gradients(model, mels, plain=True)
        side_by_side, other = gradients(model, mels, threads=threads)
    finally:
        for module, p in kept:
            module.p = p
    torch.testing.assert_close(side_by_side, vectors, atol=1e-6, rtol=0)
    assert drift(found, other) < 1e-5
    assert not [name for name in found if "text" in name]  # what has no part in it has no gradient


def test_dropout_depends_on_the_seed_alone(model: HtsatRoberta, mels: Tensor) -> None:
    assert any(module.p for module in dropout(model))
    vectors, found = gradients(model, mels, threads=2)
    again, same = gradients(model, mels, threads=2)
    assert torch.equal(vectors, again)
    assert all(torch.equal(found[name], same[name]) for name in found)
    for threads in (1, 3):
        vectors_there, there = gradients(model, mels, threads=threads)
        assert torch.equal(vectors, vectors_there)
        assert drift(found, there) < 1e-6
    assert drift(found, gradients(model, mels, seed=1)[1]) > 0.01


def test_pieces_have_dropout_of_their_own(model: HtsatRoberta, mels: Tensor) -> None:
    vectors, _ = gradients(model, mels[:1].expand(4, -1, -1))
    assert len(vectors.unique(dim=0)) == 4


def test_layers_computed_again_drop_the_same(model: HtsatRoberta, mels: Tensor) -> None:
    vectors, found = gradients(model, mels)
    with recomputed(model):
        again, same = gradients(model, mels)
    torch.testing.assert_close(again, vectors, atol=1e-6, rtol=0)
    assert drift(found, same) < 1e-5


def test_autocast_holds_in_every_thread(model: HtsatRoberta, mels: Tensor) -> None:
    exact, _ = gradients(model, mels)
    with torch.autocast("cpu", torch.bfloat16):
        half, found = gradients(model, mels)
    assert 1e-4 < float((half.float() - exact).abs().max()) < 0.1
    assert {gradient.dtype for gradient in found.values()} == {torch.float32}


def test_layers_that_are_left_out_as_a_whole(model: HtsatRoberta, mels: Tensor) -> None:
    """Stochastic depth draws from the same generator."""
    changed = model.copy()
    path = type("Path", (nn.Module,), {"forward": lambda self, x: x * (torch.rand(len(x), 1, 1) > 0.5)})
    for stage in changed.clap.audio_model.audio_encoder.layers:
        for block in stage.blocks:
            block.drop_path = path()
    vectors, _ = gradients(changed, mels, threads=3)
    assert torch.equal(vectors, gradients(changed, mels, threads=1)[0])
    assert not torch.equal(vectors, gradients(model, mels)[0])
