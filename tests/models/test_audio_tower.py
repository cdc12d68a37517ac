"""The audio tower: TensorFlow's padding in the trunk, patches, masks, and which weights learn."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from chronoclap import Clap
from chronoclap.models import products
from chronoclap.models.compact import CompactModel, stack_features
from chronoclap.models.compact.audio_tower import STRIDES, WIDTHS, Trunk
from chronoclap.models.compact.fast_trunk import FastTrunk
from chronoclap.models.products import ONEDNN, ONEDNN_HALF, TORCH, TORCH_HALF, After, Layer, Products
from chronoclap.models.trial import LEAST_COSINE


@pytest.fixture(scope="module")
def grown(tiny_clap: Clap) -> CompactModel:
    torch.manual_seed(0)
    return tiny_clap.model.grow(3).eval()


def ones_trunk(convs: int) -> Trunk:
    """The first convolutions of a trunk, every weight 1, every bias 0."""
    trunk = Trunk()
    trunk.convs = trunk.convs[:convs]
    for name, parameter in trunk.named_parameters():
        torch.nn.init.constant_(parameter, float(name.endswith("weight")))
    return trunk


def slow_same(hidden: Tensor, kernel: int, stride: int) -> Tensor:
    """TensorFlow's rule for SAME: ceil(n / stride) outputs, what is missing padded, the odd one last."""
    pads: list[int] = []
    for n in (hidden.shape[3], hidden.shape[2]):
        total = max((-(-n // stride) - 1) * stride + kernel - n, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(hidden, pads)


def rounded(numbers: Tensor) -> Tensor:
    """The nearest in bfloat16."""
    return numbers.bfloat16().to(numbers.dtype)


def unlike_patches(seed: int) -> Tensor:
    """(1, 6, 1024) features with little in common: different events to any ear."""
    generator = torch.Generator().manual_seed(seed)
    active = torch.rand(1, 6, 1024, generator=generator) < 0.1
    return 3 * torch.rand(1, 6, 1024, generator=generator) * active


class TestTrunk:
    def test_stride_2_pads_at_the_end_only(self) -> None:
        # Sums of 3 x 3 neighbourhoods of 1..16 with a row and a column of zeros at the end:
        #   rows 1-3, columns 1-3: 54   columns 3-4: 45
        #   rows 3-4, columns 1-3: 72   columns 3-4: 54    mean 225 / 4
        # Padding all round, as in torch's padding=1, would give (14 + 30 + 57 + 99) / 4 = 50.
        grid = torch.arange(1.0, 17.0).view(1, 4, 4)
        with torch.no_grad():
            pooled = ones_trunk(1)(grid)
        assert pooled.tolist() == [[56.25] * WIDTHS[0]]

    def test_stride_1_pads_all_round(self) -> None:
        # The 2 x 2 map above, padded all round, gives 225 in every cell: each sees all four.
        with torch.no_grad():
            pooled = ones_trunk(2)(torch.arange(1.0, 17.0).view(1, 4, 4))
        assert pooled.tolist() == [[225.0] * WIDTHS[0]]

    @pytest.mark.parametrize("way", ["plain", "quick"])
    def test_equals_a_transcription_with_tensorflows_rule(self, tiny_clap: Clap, way: str) -> None:
        trunk = tiny_clap.model.audio.trunk
        patch = torch.randn(2, 96, 64, generator=torch.Generator().manual_seed(0))
        hidden = patch[:, None].double()
        with torch.no_grad():
            for number, conv in enumerate(trunk.convs):
                kernel, stride = (1, 1) if number and number % 2 == 0 else (3, STRIDES[(number + 1) // 2])
                assert isinstance(conv, torch.nn.Conv2d)
                assert conv.kernel_size == (kernel, kernel)
                assert conv.bias is not None
                depthwise = number % 2 == 1
                hidden = F.conv2d(
                    slow_same(hidden, kernel, stride),
                    conv.weight.double(),
                    conv.bias.double(),
                    stride,
                    groups=hidden.shape[1] if depthwise else 1,
                ).relu()
            ours = trunk.plain(patch) if way == "plain" else trunk(patch)
        # 96 x 64 halved five times.
        assert hidden.shape == (2, 1024, 3, 2)
        expected = hidden.mean((2, 3)).float()
        assert expected.std() > 1e-3
        torch.testing.assert_close(ours, expected, atol=1e-4 * float(expected.abs().max()), rtol=1e-4)

    def test_has_the_convolutions_of_mobilenet(self) -> None:
        # 288 in the first, 9 * 4,960 in the 13 depthwise and 3,139,584 in the 13 pointwise convolutions.
        trunk = Trunk()
        assert len(trunk.convs) == 27
        assert sum(p.numel() for name, p in trunk.named_parameters() if name.endswith("weight")) == 3_184_512


class TestQuickTrunk:
    @pytest.mark.parametrize("way", [TORCH, ONEDNN], ids=lambda way: way.name)
    @pytest.mark.parametrize("size", [(96, 64), (67, 37)])
    @torch.no_grad()
    def test_gives_the_same_features(self, way: Products, size: tuple[int, int]) -> None:
        torch.manual_seed(0)
        trunk = Trunk()
        for conv in trunk.convs:  # so that a signal comes through
            torch.nn.init.kaiming_normal_(conv.get_parameter("weight"), nonlinearity="relu")
        patches = torch.randn(3, *size)
        quick = FastTrunk([conv for conv in trunk.convs if isinstance(conv, torch.nn.Conv2d)], way)
        expected = trunk.plain(patches)
        assert expected.std() > 1e-2
        torch.testing.assert_close(quick(patches), expected, atol=1e-5, rtol=1e-5)

    @pytest.mark.parametrize("way", [TORCH_HALF, ONEDNN_HALF], ids=lambda way: way.name)
    @torch.no_grad()
    def test_rounds_all_products_but_the_first(self, way: Products, tiny_clap: Clap) -> None:
        convs = [conv for conv in tiny_clap.model.audio.trunk.convs if isinstance(conv, torch.nn.Conv2d)]
        patches = torch.randn(3, 96, 64, generator=torch.Generator().manual_seed(0)) * 2 - 3
        # Of the first five convolutions two are products, the third and the fifth.
        exact = FastTrunk(convs[:3], TORCH)
        torch.testing.assert_close(FastTrunk(convs[:3], way)(patches), exact(patches), atol=1e-5, rtol=1e-5)
        hidden = patches[:, None]
        for conv in convs[:4]:
            hidden = F.pad(hidden, (0, 1, 0, 1)) if conv.stride == (2, 2) else hidden
            hidden = conv(hidden).relu()
        weight, bias = (rounded(p).double() for p in convs[4].parameters())
        expected = rounded(F.conv2d(rounded(hidden).double(), weight, bias).relu()).mean((2, 3)).float()
        heard = FastTrunk(convs[:5], way)(patches)
        torch.testing.assert_close(heard, expected, atol=1e-4, rtol=1e-4)
        assert (FastTrunk(convs[:5], TORCH)(patches) - expected).abs().max() > 1e-3
        cosines = F.cosine_similarity(FastTrunk(convs, way)(patches), FastTrunk(convs, TORCH)(patches))
        assert cosines.min() >= LEAST_COSINE

    @torch.no_grad()
    def test_weights_that_moved_are_used(self) -> None:
        trunk, grid = ones_trunk(2), torch.ones(1, 8, 8)
        before = trunk(grid)
        trunk.convs[1].get_parameter("weight").mul_(2)
        torch.testing.assert_close(trunk(grid), 2 * before)
        trunk.load_state_dict(ones_trunk(2).state_dict())
        torch.testing.assert_close(trunk(grid), before)

    def test_gradients_go_through_the_plain_trunk(self) -> None:
        trunk, grid = ones_trunk(2), torch.ones(1, 8, 8, requires_grad=True)
        trunk(grid).sum().backward()
        assert grid.grad is not None
        assert grid.grad.abs().min() > 0

    @torch.no_grad()
    def test_a_trunk_that_was_used_can_be_copied_and_sent(self) -> None:
        trunk, grid = ones_trunk(2), torch.ones(1, 8, 8)
        expected = trunk(grid)
        for other in (copy.deepcopy(trunk), pickle.loads(pickle.dumps(trunk))):
            torch.testing.assert_close(other(grid), expected)

    @pytest.mark.parametrize("fault", ["missing", "wrong"])
    @torch.no_grad()
    def test_a_product_that_cannot_be_trusted_is_not_used(
        self, fault: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = []

        def faulty(weight: Tensor, bias: Tensor | None, after: After = "none") -> Layer:
            asked.append(fault)
            if fault == "missing":
                raise AttributeError("'_OpNamespace' 'mkldnn' object has no attribute '_linear_pointwise'")
            return lambda x: TORCH.linear(weight, bias, after)(x) + 1

        monkeypatch.setattr(products, "ONEDNN", Products("oneDNN", faulty, faulty))
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
        trunk, grid = ones_trunk(3), torch.ones(1, 8, 8)
        torch.testing.assert_close(trunk(grid), trunk.plain(grid))
        assert asked


class TestPatches:
    def test_overlap_by_half(self, tiny_clap: Clap) -> None:
        mel = torch.arange(200.0)[None, :, None].expand(1, 200, 64)
        patches = tiny_clap.model.audio.patches(mel)
        # (200 - 96) // 48 + 1 = 3 patches, beginning at frames 0, 48, 96.
        assert patches.shape == (1, 3, 96, 64)
        assert patches[0, :, 0, 0].tolist() == [0, 48, 96]
        assert patches[0, :, -1, 5].tolist() == [95, 143, 191]

    def test_features_of_a_batch_are_those_of_its_windows(self, tiny_clap: Clap) -> None:
        mel = torch.randn(2, 144, 64, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            both = tiny_clap.model.audio.features(mel)
            assert both.shape == (2, 2, 1024)
            torch.testing.assert_close(
                both[1:], tiny_clap.model.audio.features(mel[1:]), atol=1e-5, rtol=1e-5
            )

    @pytest.mark.parametrize(
        ("samples", "patches"),
        # A patch is 95 * 160 + 400 = 15,600 samples, one begins every 48 * 160 = 7,680, and 72 * 160 = 11,520
        # samples of silence stand at either edge: ceil((n + 7,440) / 7,680) + 1.
        [(1, 2), (240, 2), (241, 3), (15_600, 4), (15_601, 5), (160_000, 23)],
    )
    def test_number_of_patches(self, tiny_clap: Clap, samples: int, patches: int) -> None:
        assert tiny_clap.model.patch_samples == (15_600, 7_680, 11_520)
        assert tiny_clap.model.num_patches(samples) == patches
        features = tiny_clap.model.trunk_features(np.zeros(samples, np.float32))
        assert features.shape == (patches, 1024)


class TestPool:
    @pytest.mark.parametrize("moments", [1, 3])
    def test_padding_changes_nothing(self, tiny_clap: Clap, grown: CompactModel, moments: int) -> None:
        model = tiny_clap.model if moments == 1 else grown
        features = [torch.rand(n, 1024, generator=torch.Generator().manual_seed(n)) for n in (3, 1, 7)]
        with torch.no_grad():
            together = model.embed_features(*stack_features(features))
            alone = [model.embed_features(*stack_features([one]))[0] for one in features]
        assert together.shape == (3, moments * 48)
        torch.testing.assert_close(together, torch.stack(alone), atol=1e-5, rtol=0)

    def test_stacking_marks_what_is_there(self) -> None:
        stacked, mask = stack_features([torch.ones(2, 3), 2 * torch.ones(1, 3)])
        assert stacked[..., 0].tolist() == [[1, 1], [2, 0]]
        assert mask.tolist() == [[True, True], [True, False]]

    def test_one_moment_takes_no_notice_of_order(self, tiny_clap: Clap, grown: CompactModel) -> None:
        features = unlike_patches(1)
        mask = torch.ones(1, 6, dtype=torch.bool)
        with torch.no_grad():
            blind = [tiny_clap.model.embed_features(x, mask) for x in (features, features.flip(1))]
            hearing = [grown.embed_features(x, mask) for x in (features, features.flip(1))]
        torch.testing.assert_close(blind[0], blind[1], atol=1e-6, rtol=0)
        assert (hearing[0] - hearing[1]).abs().max() > 1e-2

    def test_fresh_event_finder_negates_the_first_moment_of_a_reversed_recording(
        self, grown: CompactModel
    ) -> None:
        # Until it learns from context, keys come from single patches, and time runs evenly: an exact mirror.
        features = unlike_patches(2)
        mask = torch.ones(1, 6, dtype=torch.bool)
        with torch.no_grad():
            forward, backward = (grown.audio.pool(x, mask)[0] for x in (features, features.flip(1)))
        torch.testing.assert_close(backward[[0, 2]], forward[[0, 2]], atol=1e-5, rtol=0)
        torch.testing.assert_close(backward[1], -forward[1], atol=1e-5, rtol=0)
        assert forward[1].abs().max() > 1e-2

    def test_a_model_in_use_hears_the_clearest_change_too(self, grown: CompactModel) -> None:
        # Two sounds of three patches each with much in common: by their keys alone half of each goes to the
        # other, and the first moment has little to say.
        generator = torch.Generator().manual_seed(3)
        shared, *own = torch.rand(3, 1024, generator=generator)
        kept = torch.rand(2, 1024, generator=generator) < 0.3
        first, last = (shared + 3 * x**2 * k for x, k in zip(own, kept, strict=True))
        features = torch.stack([first] * 3 + [last] * 3)[None]
        mask = torch.ones(1, 6, dtype=torch.bool)
        training = copy.deepcopy(grown).train()
        training.audio.content.residual.eval()  # without its dropout
        with torch.no_grad():
            plain, used = training.audio.pool(features, mask)[0], grown.audio.pool(features, mask)[0]
        assert used[1].norm() > 1.3 * plain[1].norm()
        # Less like one event, whose second moment is the mean turned round.
        assert used[2].norm() < 0.9 * plain[2].norm()


class TestGradients:
    def test_the_trunk_learns_nothing_the_rest_does(self, tiny_clap: Clap) -> None:
        model = tiny_clap.model.grow(3).train()
        samples = np.random.default_rng(0).normal(0, 0.1, 40_000).astype(np.float32)
        direction = torch.randn(model.dim, generator=torch.Generator().manual_seed(0))
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.1) if parameter.ndim == 1 else None
        (model.encode_windows([samples])[0] @ direction).backward()
        moved = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}
        assert not [name for name in moved if name.startswith(("audio.trunk", "text"))]
        for name in (
            "audio.content.meanings.weight",
            "audio.content.residual.1.weight",
            "audio.events.timbre",
        ):
            assert name in moved
        assert {"gains", "audio.events.log_temperature", "audio.content.saliency.weight"} <= moved
