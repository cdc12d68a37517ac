"""A small model for tests that need one: the real architecture with a small text tower and random weights."""

from pathlib import Path

import pytest
import torch
from torch import nn

import chronoclap
from chronoclap import Clap
from chronoclap.models.checkpoint import load_tokenizer
from chronoclap.models.compact import CompactConfig, CompactModel, TextConfig
from tiny_tokenizer import tiny_tokenizer

# As `make test` has it: another number of threads sums in another order, and some tests compare runs to the
# last bit.
torch.set_num_threads(1)


def tiny_model(folder: Path, seed: int = 0) -> CompactModel:
    """An order-blind model (one moment) with random weights; its tokenizer is written to the folder first."""
    tokenizer = tiny_tokenizer()
    text = TextConfig(tokenizer.get_vocab_size(), hidden=48, layers=1, heads=4, intermediate=64, head_dim=32)
    file = folder / "tokenizer.json"
    tokenizer.save(str(file))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = CompactModel(CompactConfig(dim=48, text=text), load_tokenizer(file, text.max_tokens))
        for conv in model.audio.trunk.convs:
            # torch's own first weights let a sound fade out over 27 layers: all sounds would be alike.
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            nn.init.zeros_(conv.bias)
    return model.eval()


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of a checkpoint, for `chronoclap.load` and the command line; leave it as it is."""
    folder = tmp_path_factory.mktemp("tiny")
    return Clap(tiny_model(folder), "tiny").save(folder / "checkpoint")


@pytest.fixture(scope="session")
def tiny_clap(tiny_checkpoint: Path) -> Clap:
    """The loaded checkpoint; do not change its weights (`model.copy()` gives a copy)."""
    return chronoclap.load(tiny_checkpoint)
