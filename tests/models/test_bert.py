"""The text encoder against transformers' BERT on the same random weights."""

import pytest
import torch

from chronoclap.models.compact import TextConfig
from chronoclap.models.compact.bert import Encoder

transformers = pytest.importorskip("transformers")

CONFIG = TextConfig(vocab_size=50, hidden=24, layers=3, heads=4, intermediate=40)


def copy_weights(theirs: torch.nn.Module) -> Encoder:
    """Our encoder with the weights of a BertModel."""
    state = theirs.state_dict()
    ours = {
        "words.weight": state["embeddings.word_embeddings.weight"],
        "positions.weight": state["embeddings.position_embeddings.weight"],
        "segment": state["embeddings.token_type_embeddings.weight"][0],
    }
    names = {"": "embeddings.LayerNorm"}
    for n in range(CONFIG.layers):
        block, name = f"encoder.layer.{n}", f"layers.{n}."
        for kind in ("weight", "bias"):
            heads = [state[f"{block}.attention.self.{part}.{kind}"] for part in ("query", "key", "value")]
            ours[f"{name}qkv.{kind}"] = torch.cat(heads)
            ours[f"{name}attended.{kind}"] = state[f"{block}.attention.output.dense.{kind}"]
            ours[f"{name}up.{kind}"] = state[f"{block}.intermediate.dense.{kind}"]
            ours[f"{name}down.{kind}"] = state[f"{block}.output.dense.{kind}"]
        names |= {
            f"{name}attention_": f"{block}.attention.output.LayerNorm",
            name: f"{block}.output.LayerNorm",
        }
    for prefix, norm in names.items():
        for kind in ("weight", "bias"):
            ours[f"{prefix}norm.{kind}"] = state[f"{norm}.{kind}"]
    encoder = Encoder(CONFIG)
    encoder.load_state_dict(ours)
    return encoder.eval()


@pytest.fixture(scope="module")
def theirs() -> torch.nn.Module:
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=CONFIG.vocab_size,
        hidden_size=CONFIG.hidden,
        num_hidden_layers=CONFIG.layers,
        num_attention_heads=CONFIG.heads,
        intermediate_size=CONFIG.intermediate,
        layer_norm_eps=CONFIG.layer_norm_eps,
        initializer_range=0.5,  # the usual 0.02 would hide mistakes: all layers would be near the identity
    )
    model = transformers.BertModel(config, add_pooling_layer=False).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=0.1, std=0.3)
    return model


def test_equals_bert_on_full_and_padded_rows(theirs: torch.nn.Module) -> None:
    encoder = copy_weights(theirs)
    ids = torch.randint(1, CONFIG.vocab_size, (3, 9), generator=torch.Generator().manual_seed(1))
    mask = torch.ones(3, 9, dtype=torch.bool)
    mask[1, 6:] = mask[2, 2:] = False
    bias = torch.where(mask[:, None], 0.0, -1e4).expand(-1, 9, -1)
    with torch.no_grad():
        expected = theirs(ids, attention_mask=mask.long()).last_hidden_state
        ours = encoder(encoder.embed(ids), bias)
    assert expected.std() > 0.1
    torch.testing.assert_close(ours[mask], expected[mask], atol=1e-5, rtol=1e-5)


def test_embedding_layer_equals_bert(theirs: torch.nn.Module) -> None:
    encoder = copy_weights(theirs)
    ids = torch.arange(1, 13)[None]
    with torch.no_grad():
        expected = theirs.get_submodule("embeddings")(input_ids=ids)
        torch.testing.assert_close(encoder.embed(ids), expected, atol=1e-6, rtol=1e-5)


def test_a_hidden_token_leaves_no_trace(theirs: torch.nn.Module) -> None:
    encoder = copy_weights(theirs)
    ids = torch.arange(1, 7)[None]
    other = ids.clone()
    other[0, 4] = 40
    bias = torch.zeros(1, 6, 6)
    bias[:, :4, 4] = -1e4
    with torch.no_grad():
        first, second = (encoder(encoder.embed(x), bias)[0] for x in (ids, other))
    # Tokens 0-3 do not see token 4, but they see token 5, which does: cut that as well.
    assert (first[:4] - second[:4]).abs().max() > 1e-4
    bias[:, :4, 5] = -1e4
    with torch.no_grad():
        first, second = (encoder(encoder.embed(x), bias)[0] for x in (ids, other))
    torch.testing.assert_close(first[:4], second[:4], atol=1e-6, rtol=0)
