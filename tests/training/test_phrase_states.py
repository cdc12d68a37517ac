"""Encoder states put together from pieces: one state a token, and the right one."""

import numpy as np
import pytest
import torch

from chronoclap import Clap
from chronoclap.scenes import Caption, caption, contradict_phrases, describe_phrases
from chronoclap.training.phrase_states import PhraseStates, cut
from chronoclap.training.virtual import vocabulary

ODD = (
    "child's cap pistol",
    "x-ray machine",
    "new year's eve fireworks",
    "8-bit game level music",
    "Café  noise",
    "AC/DC (live)!",
    "rock 'n' roll",
    "naïve über-piano",
    "音",
    "dog barking, twice",
    "sound of the sound",
)


def captions(count: int) -> list[Caption]:
    """Captions of every relation, true and false, of one to three phrases, odd and long ones among them."""
    rng = np.random.default_rng(0)
    known = sorted(vocabulary(), key=len)
    pool = [*ODD, *known[-30:], "a very long story " * 12, *(known[i] for i in rng.choice(len(known), 150))]
    made: list[Caption] = []
    while len(made) < count:
        phrases = [pool[i] for i in rng.choice(len(pool), int(rng.integers(1, 4)), replace=False)]
        seed = int(rng.integers(2**31))
        if len(phrases) == 1:
            made.append(describe_phrases(phrases, "single", seed))
        else:
            made.append(describe_phrases(phrases, ("sequence", "overlap")[len(made) % 2], seed))
            made += contradict_phrases(phrases, "sequence", seed)
    return made[:count]


@pytest.fixture(scope="module")
def states(tiny_clap: Clap) -> PhraseStates:
    return PhraseStates(tiny_clap.model)


def test_pieces_are_the_words_of_the_caption_in_order() -> None:
    made = Caption("After a dog barks, rain.", ((8, 17, 0), (19, 23, 1)), "sequence")
    assert cut(made) == ["After a", "dog barks", ",", "rain", "."]
    assert cut(Caption("rain", ((0, 4, 0),), "single")) == ["rain"]
    # Spans may come in any order.
    assert cut(Caption("rain after wind", ((11, 15, 0), (0, 4, 1)), "sequence")) == ["rain", "after", "wind"]
    for given in captions(60):
        assert "".join("".join(cut(given)).split()) == "".join(given.text.split())


def test_every_token_has_its_state(tiny_clap: Clap, states: PhraseStates) -> None:
    tokenizer = tiny_clap.model.tokenizer
    made = captions(300)
    lengths = []
    for given in made:
        ids = tokenizer.encode(given.text).ids
        lengths.append(len(ids))
        assert states.states([given])[0].shape == (len(ids), 48), given.text
        # The tokens of the pieces are those of the whole text, or states would stand at other words.
        pieces = [token for piece in cut(given) for token in tokenizer.encode(piece).ids[1:-1]]
        assert pieces[:126] == ids[1:-1], given.text
    assert max(lengths) == 128
    for length, row in zip(lengths, states.states(made), strict=True):
        # All but the marks at the ends.
        assert (row.abs().sum(-1) > 0).tolist() == [False, *[True] * (length - 2), False]


@pytest.mark.parametrize("phrase", ["rain", "dog barking", "child's cap pistol"])
def test_a_bare_phrase_has_the_states_of_the_encoder(tiny_clap: Clap, phrase: str) -> None:
    model = tiny_clap.model
    given = caption([phrase], "plain")
    assert given.text == phrase
    ids, mask, special = model.tokens([phrase])
    words = mask & ~special
    with torch.no_grad():
        embedded = model.text.encoder.embed(ids)
        direct = model.text.states(
            embedded, special, mask, words[:, None].expand(-1, ids.shape[1], -1).float()
        )
        made = PhraseStates(model).states([given])[0][None]
        torch.testing.assert_close(made[:, 1:-1], direct[:, 1:-1], atol=1e-5, rtol=0)
        # And so the embedding is that of the encoder.
        torch.testing.assert_close(
            model.encode_texts([phrase], made), model.encode_texts([phrase]), atol=1e-5, rtol=0
        )


def test_a_phrase_has_the_same_states_in_every_caption(tiny_clap: Clap, states: PhraseStates) -> None:
    forward, backward = (caption(pair, "then") for pair in (["rain", "dog barking"], ["dog barking", "rain"]))
    # [CLS] rain then dog barking [SEP] and [CLS] dog barking then rain [SEP]
    a, b = states.states([forward, backward])
    assert torch.equal(a[1], b[4])
    assert torch.equal(a[3:5], b[1:3])
    assert torch.equal(a[2], b[3])
    assert not torch.equal(a[1], a[2])


def test_company_changes_nothing(tiny_clap: Clap) -> None:
    made = captions(20)
    together = PhraseStates(tiny_clap.model).states(made)
    for number, given in enumerate(made):
        alone = PhraseStates(tiny_clap.model).states([given])[0]
        torch.testing.assert_close(together[number], alone, atol=1e-5, rtol=0)


def test_a_piece_is_encoded_once(tiny_clap: Clap, monkeypatch: pytest.MonkeyPatch) -> None:
    states = PhraseStates(tiny_clap.model)
    made = captions(10)
    first = states.states(made)
    monkeypatch.setattr(tiny_clap.model.text, "states", lambda *given: pytest.fail("encoded again"))
    assert all(torch.equal(a, b) for a, b in zip(states.states(made), first, strict=True))
