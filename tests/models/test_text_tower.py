"""The text tower: padding, phrases kept apart, growing from the order-blind model, what learns."""

import math

import pytest
import torch

from chronoclap import Clap
from chronoclap.models.compact import CompactModel
from chronoclap.models.compact.text_tower import Context, sinusoids

TEXTS = ["rain", "a dog barking and then rain", "the sound of a bell over the sound of rain, then a door"]


@pytest.fixture(scope="module")
def grown(tiny_clap: Clap) -> CompactModel:
    torch.manual_seed(0)
    return tiny_clap.model.grow(3).eval()


def one_event(model: CompactModel) -> CompactModel:
    """A copy whose event finders see one event of even saliency in everything."""
    copy = model.copy()
    assert copy.text.events is not None
    assert copy.audio.events is not None
    torch.nn.init.zeros_(copy.text.events.context.out.weight)
    torch.nn.init.zeros_(copy.text.events.drift)
    torch.nn.init.zeros_(copy.audio.events.timbre)
    return copy


class TestEncodeTexts:
    @pytest.mark.parametrize("moments", [1, 3])
    def test_padding_changes_nothing(self, tiny_clap: Clap, grown: CompactModel, moments: int) -> None:
        model = tiny_clap.model if moments == 1 else grown
        with torch.no_grad():
            together = model.encode_texts(TEXTS)
            alone = torch.cat([model.encode_texts([text]) for text in TEXTS])
        assert together.shape == (3, 48 * moments)
        torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)

    @pytest.mark.parametrize("moments", [1, 3])
    def test_words_are_read_in_order(self, tiny_clap: Clap, grown: CompactModel, moments: int) -> None:
        model = tiny_clap.model if moments == 1 else grown
        with torch.no_grad():
            a, b = model.encode_texts(["rain and then a bell", "a bell and then rain"])
        assert (a - b).abs().max() > 1e-3

    def test_long_texts_are_cut_to_what_fits(self, tiny_clap: Clap) -> None:
        # 128 pieces, of which two are the marks.
        with torch.no_grad():
            long, fits, shorter = tiny_clap.model.encode_texts(["rain " * 300, "rain " * 126, "rain " * 125])
        torch.testing.assert_close(long, fits, atol=1e-6, rtol=0)
        assert (long - shorter).abs().max() > 1e-6

    def test_a_text_without_words_has_no_direction(self, tiny_clap: Clap, grown: CompactModel) -> None:
        for model in (tiny_clap.model, grown):
            with torch.no_grad():
                empty, rain = model.encode_texts(["", "rain"])
            assert not empty.any()
            assert rain.norm().item() == pytest.approx(1, abs=1e-5)

    def test_states_given_replace_the_encoder(self, grown: CompactModel) -> None:
        ids, mask, special = grown.tokens(TEXTS)
        words = mask & ~special
        with torch.no_grad():
            text, events = grown.text, grown.text.events
            assert events is not None
            embedded = text.encoder.embed(ids)
            time, saliency = events(embedded, mask)
            gap = (time[:, :, None] - time[:, None]) / events.log_temperature.exp()
            saliency = saliency * words
            visible = torch.exp(-(gap**2)) * (saliency / saliency.amax(1, keepdim=True))[:, None]
            states = text.states(embedded, special, mask, visible)
            torch.testing.assert_close(
                grown.encode_texts(TEXTS, states), grown.encode_texts(TEXTS), atol=1e-5, rtol=0
            )
            assert (grown.encode_texts(TEXTS, states.flip(1)) - grown.encode_texts(TEXTS)).abs().max() > 1e-3

    def test_the_scale_of_saliency_says_nothing(self, grown: CompactModel) -> None:
        faint = grown.copy()
        assert faint.text.events is not None
        with torch.no_grad():
            faint.text.events.context.out.bias[1] -= 3
            torch.testing.assert_close(
                faint.encode_texts(TEXTS), grown.encode_texts(TEXTS), atol=1e-5, rtol=0
            )


class TestStates:
    def states(self, model: CompactModel, text: str) -> torch.Tensor:
        """States of "[CLS] w w w w [SEP]" where two words see each other and the other two each other."""
        ids, mask, special = model.tokens([text])
        assert ids.shape == (1, 6)
        visible = torch.zeros(1, 6, 6)
        visible[:, 1:3, 1:3] = visible[:, 3:5, 3:5] = 1
        with torch.no_grad():
            return model.text.states(model.text.encoder.embed(ids), special, mask, visible)[0]

    def test_one_event_hears_nothing_of_another(self, grown: CompactModel) -> None:
        torch.manual_seed(1)
        for parameter in (deep := grown.copy()).text.encoder.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        first, second = self.states(deep, "dog barking and rain"), self.states(deep, "dog barking rain rain")
        # Only word 3 differs: words 1, 2 and both marks keep their states, 3 and 4 do not.
        torch.testing.assert_close(first[[0, 1, 2, 5]], second[[0, 1, 2, 5]], atol=2e-3, rtol=0)
        assert (first[4] - second[4]).abs().max() > 0.05

    def test_words_see_the_marks(self, grown: CompactModel) -> None:
        ids, mask, special = grown.tokens(["rain"])
        with torch.no_grad():
            embedded = grown.text.encoder.embed(ids)
            visible = torch.zeros(1, 3, 3)
            visible[:, 1, 1] = 1
            before = grown.text.states(embedded, special, mask, visible)
            embedded[:, 2] = -embedded[:, 2]
            after = grown.text.states(embedded, special, mask, visible)
        assert (before[0, 1] - after[0, 1]).abs().max() > 1e-4


class TestGrow:
    def test_keeps_every_weight_it_shares(self, tiny_clap: Clap, grown: CompactModel) -> None:
        before, after = tiny_clap.model.state_dict(), grown.state_dict()
        for name, tensor in before.items():
            if name != "gains":
                assert torch.equal(after[name], tensor), name
        fresh = {name for name in after if name not in before}
        assert fresh
        assert all(name.startswith(("audio.events.", "text.events.")) for name in fresh)
        assert after["gains"].tolist() == pytest.approx([2, 2**0.5])
        assert (tiny_clap.dim, grown.dim) == (48, 144)

    def test_one_event_keeps_its_zero_shot_content(self, tiny_clap: Clap, grown: CompactModel) -> None:
        # Where all parts are one event, m_0 is the content that the base pools, and the event sits at 1/2:
        # m_1 = cos(pi/2) m_0 = 0 and m_2 = cos(pi) m_0 = -m_0, which has a gain of sqrt(2).
        model = one_event(grown)
        base = tiny_clap.model
        features, mask = torch.rand(2, 5, 1024), torch.ones(2, 5, dtype=torch.bool)
        mask[1, 3:] = False
        with torch.no_grad():
            pairs = [
                (base.encode_texts(TEXTS), model.encode_texts(TEXTS)),
                (base.embed_features(features, mask), model.embed_features(features, mask)),
            ]
        # Of sound that nowhere changes a cut is all but ruled out: four places have 4 / (4 + exp(8)).
        for (expected, embedded), atol in zip(pairs, (1e-5, 1e-3), strict=True):
            m_0, m_1, m_2 = embedded.unflatten(1, (3, 48)).unbind(1)
            torch.testing.assert_close(3**0.5 * m_0, expected, atol=atol, rtol=0)
            torch.testing.assert_close(m_1, torch.zeros_like(m_1), atol=atol, rtol=0)
            torch.testing.assert_close(m_2, -(2**0.5) * m_0, atol=atol, rtol=0)

    def test_without_gains_only_the_first_moment_is_left(self, tiny_clap: Clap, grown: CompactModel) -> None:
        model = one_event(grown)
        torch.nn.init.zeros_(model.gains)
        with torch.no_grad():
            expected = torch.nn.functional.pad(tiny_clap.model.encode_texts(TEXTS), (0, 96))
            torch.testing.assert_close(model.encode_texts(TEXTS), expected, atol=1e-5, rtol=0)

    def test_a_single_patch_is_one_event_whatever_the_weights(
        self, tiny_clap: Clap, grown: CompactModel
    ) -> None:
        samples = torch.randn(16_000, generator=torch.Generator().manual_seed(0)).numpy() / 10
        with torch.no_grad():
            base, patches = (m.encode_patches(samples[:15_600]) for m in (tiny_clap.model, grown))
        assert patches.shape == (1, 144)
        torch.testing.assert_close(3**0.5 * patches[:, :48], base, atol=1e-5, rtol=0)

    def test_a_copy_is_equal_and_apart(self, grown: CompactModel) -> None:
        copy = grown.copy()
        assert copy.training == grown.training
        assert all(torch.equal(a, b) for a, b in zip(copy.parameters(), grown.parameters(), strict=True))
        with torch.no_grad():
            copy.gains.fill_(7)
        assert grown.gains.tolist() == pytest.approx([2, 2**0.5])

    def test_growing_keeps_the_mode(self, tiny_clap: Clap) -> None:
        assert not tiny_clap.model.grow(2).training
        assert tiny_clap.model.copy().train().grow(2).training


class TestLearning:
    def test_encoder_layers_learn_nothing_the_head_does(self, grown: CompactModel) -> None:
        model = grown.copy()
        torch.manual_seed(2)
        ((model.encode_texts(TEXTS) @ torch.randn(144, 2)).square().sum()).backward()
        moved = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}
        assert not [name for name in moved if name.startswith(("text.encoder.layers", "audio"))]
        assert {"gains", "text.events.context.out.weight", "text.events.log_temperature"} <= moved
        assert {"text.content.direct.weight", "text.content.correction.0.weight"} <= moved

    def test_scale_is_learned_and_at_most_100(self, grown: CompactModel) -> None:
        model = grown.copy()
        assert model.scale().item() == pytest.approx(20)
        with torch.no_grad():
            model.log_scale.fill_(10.0)
        assert model.scale().item() == 100

    def test_workers_copy_leaves_the_model_in_training(self, grown: CompactModel) -> None:
        model = grown.copy().train()
        light = model.trunk_only()
        assert model.audio.training
        assert model.audio.content.residual[0].training
        assert light.audio is model.audio
        assert not [name for name, _ in light.named_parameters() if name.startswith("text")]
        noise = torch.randn(20_000).numpy() / 10
        assert torch.equal(light.trunk_features(noise), grown.trunk_features(noise))


class TestContext:
    def test_padding_changes_nothing(self) -> None:
        torch.manual_seed(0)
        context = Context(in_dim=5, outputs=3, dim=16, layers=2, heads=4, dropout=0.1).eval()
        inputs, position = torch.randn(1, 4, 5), torch.arange(4.0)[None]
        alone = context(inputs, position, torch.ones(1, 4, dtype=torch.bool))
        padded = context(
            torch.cat([inputs, torch.randn(1, 3, 5)], 1),
            torch.arange(7.0)[None],
            torch.tensor([[True] * 4 + [False] * 3]),
        )
        torch.testing.assert_close(padded[:, :4], alone, atol=1e-5, rtol=0)

    def test_sees_where_a_part_stands(self) -> None:
        torch.manual_seed(0)
        context = Context(in_dim=5, outputs=3, dim=16, layers=1, heads=4, dropout=0.0).eval()
        inputs, mask = torch.randn(1, 4, 5), torch.ones(1, 4, dtype=torch.bool)
        forward = context(inputs, torch.arange(4.0)[None], mask)
        assert (context(inputs, torch.arange(4.0).flip(0)[None], mask) - forward).abs().max() > 1e-3

    def test_sinusoids_have_periods_from_2_to_200(self) -> None:
        # At 0 the sines are 0, the cosines 1; at 1 the first pair has turned by pi, the last by pi / 100.
        waves = sinusoids(torch.tensor([[0.0, 1.0, 200.0]]), 8)[0]
        assert waves.shape == (3, 8)
        torch.testing.assert_close(waves[0], torch.tensor([0.0] * 4 + [1.0] * 4))
        torch.testing.assert_close(waves[1, [4, 7]], torch.tensor([-1.0, math.cos(math.pi / 100)]))
        assert waves[2, 7].item() == pytest.approx(1.0, abs=1e-4)
