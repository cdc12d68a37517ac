"""Virtual events: what is drawn, and the ideal sound of a caption."""

import numpy as np
import pytest
import torch

from chronoclap import Clap
from chronoclap.models.compact import CompactModel
from chronoclap.scenes import held_out_pair
from chronoclap.training import Recipe, virtual
from chronoclap.training.virtual import VirtualEvents, vocabulary

PAIRS = Recipe("pairs")
THREES = Recipe("threes", threes=0.3)


@pytest.fixture
def drawn(tiny_clap: Clap, short_vocabulary: tuple[str, ...]) -> VirtualEvents:
    return VirtualEvents(tiny_clap.model, seed=0)


@pytest.fixture(scope="module")
def grown(tiny_clap: Clap) -> CompactModel:
    torch.manual_seed(0)
    return tiny_clap.model.grow(3)


def blocks(vectors: torch.Tensor) -> torch.Tensor:
    """(rows, 144) embeddings to (rows, 3, 48) moments."""
    return vectors.detach().unflatten(1, (3, 48))


class TestVocabulary:
    def test_is_large_and_clean(self) -> None:
        known = vocabulary()
        assert len(known) > 5000
        assert all(phrase and phrase == phrase.strip() for phrase in known)
        assert len(known) == len(set(known))

    def test_a_run_uses_a_part_of_it_by_its_seed(
        self, tiny_clap: Clap, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(virtual, "vocabulary", lambda: tuple(f"rain {n}" for n in range(40)))
        first, again, other = (VirtualEvents(tiny_clap.model, seed, count=10) for seed in (0, 0, 1))
        assert len(first.phrases) == len(set(first.phrases)) == 10
        assert first.phrases == again.phrases
        assert set(first.phrases) != set(other.phrases)
        assert first.content.shape == (10, 48)

    def test_content_is_what_the_base_makes_of_the_phrase(
        self, tiny_clap: Clap, drawn: VirtualEvents
    ) -> None:
        assert sorted(drawn.phrases) == sorted(virtual.vocabulary())
        expected = tiny_clap.embed_text(drawn.phrases)
        content = torch.nn.functional.normalize(drawn.content, dim=-1)
        np.testing.assert_allclose(content, expected, atol=1e-5)


class TestDraw:
    @pytest.mark.parametrize("count", [1, 2, 7, 32, 33])
    def test_sequences_come_with_their_reverse(self, drawn: VirtualEvents, count: int) -> None:
        for seed in range(6):
            rows = drawn.draw(count, np.random.default_rng(seed), PAIRS)
            assert len(rows) == count
            sequences = [numbers for numbers, relation, _ in rows if relation == "sequence"]
            # Also at the end of the batch: an order without its reverse would be the more likely one.
            assert sequences[1::2] == [numbers[::-1] for numbers in sequences[::2]]

    def test_relations_and_their_numbers_of_events(self, drawn: VirtualEvents) -> None:
        rows = drawn.draw(600, np.random.default_rng(0), PAIRS)
        counts = {name: sum(relation == name for _, relation, _ in rows) for name in virtual.RELATIONS}
        # A draw is a sequence with 0.7 and then two rows: 1.4 / 1.7 = 0.82 of the rows.
        assert counts["sequence"] / 600 == pytest.approx(0.82, abs=0.06)
        assert min(counts.values()) > 20
        for numbers, relation, claimed in rows:
            assert claimed == relation
            assert len(numbers) == len(set(numbers)) == (1 if relation == "single" else 2)

    def test_rows_are_mixed_as_the_groups_are(self, drawn: VirtualEvents) -> None:
        triples = drawn.draw(13, np.random.default_rng(0), Recipe("r", mix="triples"))
        for (a, _, _), (b, _, _), (c, how, _) in zip(*(triples[k:12:3] for k in range(3)), strict=True):
            assert (a, a, how) == (b[::-1], c, "overlap")
        assert triples[12][1] == "single"
        combined = drawn.draw(8, np.random.default_rng(0), Recipe("r", mix="combined"))
        for (one, how, _), (two, order, claimed) in zip(combined[::2], combined[1::2], strict=True):
            assert (how, order, claimed) == ("single", "sequence", "together")
            assert one == two[:1]

    def test_a_share_of_the_sequences_has_three_events(self, drawn: VirtualEvents) -> None:
        rows = [numbers for numbers, how, _ in drawn.draw(600, np.random.default_rng(0), THREES)]
        long = [numbers for numbers in rows if len(numbers) == 3]
        # Overlaps are drawn 0.15 times, with one row where sequences have two; what is held out is drawn
        # anew, and of three phrases there are three pairs that can be.
        assert len(long) / sum(len(numbers) > 1 for numbers in rows) == pytest.approx(0.24, abs=0.06)
        assert long[1::2] == [numbers[::-1] for numbers in long[::2]]
        assert all(len(set(numbers)) == 3 for numbers in long)

    def test_of_all_there_is(self, drawn: VirtualEvents) -> None:
        rows = drawn.draw(601, np.random.default_rng(0), Recipe("all", mix="all", threes=0.3))
        overlays = [k for k, (_, how, _) in enumerate(rows) if how == "overlap"]
        assert overlays
        for k in overlays:  # with the two orders of the same phrases before it
            (a, *_), (b, *_), (c, *_) = rows[k - 2 : k + 1]
            assert a == b[::-1] == c
        assert {claimed for _, _, claimed in rows} == {"sequence", "overlap", "single"}
        assert {len(numbers) for numbers, _, said in rows if said == "sequence"} == {2, 3}

    def test_held_out_pairs_are_not_drawn(self, tiny_clap: Clap, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(virtual, "vocabulary", lambda: tuple(f"sound {n}" for n in range(12)))
        events = VirtualEvents(tiny_clap.model, 0)
        pairs = {(a, b) for a in events.phrases for b in events.phrases if a < b}
        held = {pair for pair in pairs if held_out_pair(*pair)}
        assert held
        rows = events.draw(800, np.random.default_rng(0), PAIRS)
        drawn = {
            tuple(sorted(events.phrases[i] for i in numbers)) for numbers, *_ in rows if len(numbers) == 2
        }
        assert drawn == pairs - held

    def test_depends_on_the_generator_alone(self, drawn: VirtualEvents) -> None:
        rows = drawn.draw(20, np.random.default_rng(3), PAIRS)
        assert rows == drawn.draw(20, np.random.default_rng(3), PAIRS)
        assert rows != drawn.draw(20, np.random.default_rng(4), PAIRS)


class TestEmbed:
    def test_the_first_moment_points_to_what_came_first(
        self, drawn: VirtualEvents, grown: CompactModel
    ) -> None:
        forward, backward = blocks(
            drawn.embed([((0, 1), "sequence", "sequence"), ((1, 0), "sequence", "sequence")], grown)
        )
        content = torch.nn.functional.normalize(drawn.content, dim=-1)
        assert forward[1] @ content[0] > 0 > forward[1] @ content[1]
        torch.testing.assert_close(backward[1], -forward[1], atol=1e-6, rtol=0)
        torch.testing.assert_close(backward[[0, 2]], forward[[0, 2]], atol=1e-6, rtol=0)
        # By hand: 1/2 (a + b), 2 cos(pi/4)/2 (a - b), 2 being its gain, and 0, made a unit vector.
        a, b = content[:2]
        expected = torch.cat([(a + b) / 2, 0.70710678 * (a - b), 0 * a])
        torch.testing.assert_close(forward.flatten(), expected / expected.norm(), atol=1e-5, rtol=0)

    def test_what_sounds_together_has_no_order(self, drawn: VirtualEvents, grown: CompactModel) -> None:
        forward, backward = blocks(
            drawn.embed([((0, 1), "overlap", "overlap"), ((1, 0), "overlap", "overlap")], grown)
        )
        torch.testing.assert_close(forward, backward, atol=1e-6, rtol=0)
        assert forward[1].abs().max() < 1e-6
        torch.testing.assert_close(forward[2], -(2**0.5) * forward[0], atol=1e-6, rtol=0)

    def test_a_single_event_is_its_content(self, drawn: VirtualEvents, grown: CompactModel) -> None:
        single = blocks(drawn.embed([((3,), "single", "single")], grown))[0]
        content = torch.nn.functional.normalize(drawn.content[3], dim=-1)
        torch.testing.assert_close(3**0.5 * single[0], content, atol=1e-5, rtol=0)
        assert single[1].abs().max() < 1e-6

    def test_is_embedded_with_the_gains_that_are_learned(
        self, drawn: VirtualEvents, grown: CompactModel
    ) -> None:
        model = grown.copy()
        vectors = drawn.embed([((0, 1), "sequence", "sequence"), ((2,), "single", "single")], model)
        assert vectors.shape == (2, 144)
        torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))
        vectors[:, 48:].square().sum().backward()
        assert model.gains.grad is not None
        assert (model.gains.grad > 0).all()
