"""Anybody's model, made to answer our questions: one line names it, and where it runs.

`open_model` takes what `chronoclap.load` takes (a shipped name, a directory of ours or of transformers'
`ClapModel`, a name on the Hugging Face hub), or `KIND:TARGET`:

    sentence-transformers:NAME_OR_DIRECTORY
    laion_clap:CHECKPOINT               options amodel (HTSAT-tiny), tmodel (roberta), fusion (yes, no)
    msclap:2022, 2023 or CHECKPOINT     option version (2022, 2023), of a checkpoint
    open_clip:MODEL                     option pretrained (a tag or a checkpoint)
    openflam:v1-base or CHECKPOINT
    python:MODULE:NAME, python:FILE.py:NAME, python:FILE.py

Options follow as `#name=value`, each with its own `#`. The packages of the peers do not go together in one
environment: `@PYTHON` at the end names the interpreter of another one, and the model runs there in a process
of its own, which needs numpy and the peer, not chronoclap (and Python 3.9 or later):

    laion_clap:music.pt#amodel=HTSAT-base@envs/laion/bin/python

Waveforms are resampled to the peer's rate by us, and vectors come back with length 1. How a short recording
is filled and a long one cut stays the peer's choice: `info["policy"]` says it. Where it is chance, it is the
same chance every time.

**The two functions.** `python:` takes any other model. NAME is an object with these two methods, or a class
or function without arguments that makes one; without a NAME the module's own functions are meant:

    embed_audio(waveforms, rate): a list of (n,) float32 arrays, mono, nominally in [-1, 1], of different
        lengths, all at `rate` Hz, to one vector for each, in order: (len(waveforms), dim), an array, a
        tensor or a list of them, of any length but 0.
    embed_text(texts): a list of str to (len(texts), dim), in the same space.

An attribute `rate`, an int, is the rate in Hz that the model wants; without it waveforms come at 48 kHz. At
most 16 waveforms come at a time, and 64 texts; random numbers of Python, numpy and torch are seeded before
each call. What is raised is told to the user. For example, in `mine.py`, named `python:mine.py:Mine`:

    class Mine:
        rate = 16_000

        def __init__(self):
            self.model = load_my_model()

        def embed_audio(self, waveforms, rate):
            return [self.model.hear(samples) for samples in waveforms]

        def embed_text(self, texts):
            return self.model.read(texts)

A module given by its name must be importable; the file form also finds what lies beside the file. Embeddings
that `eval --out` keeps are asked for anew when the file changes, or what the model makes of a few sounds and
texts: where something else that it loads has changed otherwise, name another --out.
"""

import re
from pathlib import Path

from chronoclap.errors import ModelError
from chronoclap.models.clap import Clap, load
from chronoclap.peers.adapters import KINDS
from chronoclap.peers.model import PeerModel
from chronoclap.peers.spec import PeerSpec, parse


def open_model(spec: str, *, python: str | None = None) -> Clap | PeerModel:
    """Open any model, ours or a peer's.

    Args:
        spec: which; see this package's description.
        python: the interpreter of the environment that has the peer, instead of `@PYTHON` in the
            specification; None: this one.

    Returns:
        A model that `evaluation.evaluate` takes: a `Clap` where it is one that `chronoclap.load` reads.

    Raises:
        ModelError: there is no such model, or it cannot be loaded; the text says why.
    """
    peer = parse(spec, python)
    if peer is not None:
        return PeerModel(peer)
    if python is not None:
        raise ModelError(f"{spec}: runs in this interpreter; only {', '.join(KINDS)} run in another.")
    # Two letters and more: C:\\models is a directory.
    if (kind := re.match(r"([\w-]{2,}):", spec)) and not Path(spec).exists():
        raise ModelError(f"{spec}: {kind[1]!r} is no kind of model; the kinds are {', '.join(KINDS)}.")
    return load(spec)


__all__ = ["PeerModel", "PeerSpec", "open_model"]
