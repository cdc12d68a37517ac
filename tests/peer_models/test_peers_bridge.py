"""A model behind two functions, here and in a process of its own."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import two_functions
from two_functions import MODEL_RATE

import chronoclap
from chronoclap import peers
from chronoclap.audio import Waveform
from chronoclap.errors import AudioError, ModelError
from chronoclap.evaluation.embedder import embed_sounds, embed_texts
from chronoclap.peers import model as peer_model

FILE = two_functions.__file__
HERE, THERE = f"python:{FILE}:Model", f"python:{FILE}:Model@{sys.executable}"
TEXTS = ["a dog barks", "Möwen, 鳥, 🐦", "", 'quotes " and \\ and \n', "lone \ud800"]


@pytest.fixture(scope="module")
def bridged() -> Iterator[peers.PeerModel]:
    model = open_peer(THERE)
    yield model
    model.close()


def open_peer(spec: str) -> peers.PeerModel:
    """A peer's model."""
    model = peers.open_model(spec)
    assert isinstance(model, peers.PeerModel)
    return model


def sounds(count: int, seconds: float = 0.3, rate: int = 44_100) -> list[Waveform]:
    """Noise."""
    noise = np.random.default_rng(1)
    lengths = noise.integers(1, round(seconds * rate), count)
    return [Waveform(noise.standard_normal(n).astype(np.float32), rate) for n in lengths]


def test_the_same_bits_here_and_there(capfd: pytest.CaptureFixture[str]) -> None:
    here, bridged = open_peer(HERE), open_peer(THERE)
    given = sounds(37)
    np.testing.assert_array_equal(
        here.embed_audio(given, batch_size=7), bridged.embed_audio(given, batch_size=7)
    )
    np.testing.assert_array_equal(here.embed_text(TEXTS), bridged.embed_text(TEXTS))
    assert here.embed_text(TEXTS).dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(here.embed_text(TEXTS), axis=1), 1, atol=1e-6)
    assert bridged.info == {**here.info, "spec": THERE, "python": sys.executable}
    assert (bridged.name, bridged.rate, bridged.dim) == (f"python:{Path(FILE).name}:Model", MODEL_RATE, 6)
    out, err = capfd.readouterr()
    assert "and what it calls talks too" in err  # the worker's, which did not disturb the frames
    assert (out.count("a peer talks"), err.count("a peer talks")) == (0, 12)


def test_an_evaluation_may_embed_with_it(bridged: peers.PeerModel) -> None:
    given = sounds(5)
    assert embed_sounds(bridged, iter(given), 5).shape == (5, 6)
    assert embed_texts(bridged, ["a", "b", "a"]).shape == (3, 6)
    bridged.name = "mine"
    assert bridged.name == "mine"


def test_sounds_are_resampled_by_us_and_read_lazily(bridged: peers.PeerModel, tmp_path: Path) -> None:
    import soundfile

    path = tmp_path / "a.wav"
    soundfile.write(path, np.ones((44_100, 2)) * 0.1, 44_100)
    alive: list[int] = []

    def stream() -> Iterator[Waveform]:
        for number in range(6):
            alive.append(number)
            yield Waveform(np.ones(44_100, np.float32), 44_100)

    model = open_peer(HERE)
    held: list[int] = []
    hear = model._backend.embed_audio

    def watched(waveforms: list[np.ndarray]) -> np.ndarray:
        held.append(len(alive))
        assert {len(samples) for samples in waveforms} == {MODEL_RATE}
        return hear(waveforms)

    model._backend.embed_audio = watched  # type: ignore[method-assign]
    assert model.embed_audio(stream(), batch_size=2).shape == (6, 6)
    assert held == [2, 4, 6]
    assert model.embed_audio(path).shape == (1, 6)
    assert bridged.embed_audio([str(path), (np.ones(10, np.float32), 8_000)]).shape == (2, 6)
    assert bridged.embed_audio(np.ones(MODEL_RATE, np.float32)).shape == (1, 6)
    with pytest.raises(AudioError, match=r"nowhere\.wav"):
        bridged.embed_audio([tmp_path / "nowhere.wav"])


def test_long_recordings_come_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_model, "MOST_SAMPLES", 3 * MODEL_RATE)
    model = open_peer(HERE)
    long, short = np.ones(3 * MODEL_RATE, np.float32), np.ones(MODEL_RATE, np.float32)
    counts = [len(batch) for batch in peer_model._batches([long, short, short, short, short], MODEL_RATE, 16)]
    assert counts == [1, 3, 1]
    assert model.embed_audio([long, short]).shape == (2, 6)


def test_big_arrays_cross(bridged: peers.PeerModel) -> None:
    long = Waveform(np.ones(20_000_000, np.float32), MODEL_RATE)
    vector = bridged.embed_audio([long])[0]
    np.testing.assert_allclose(vector[:2], np.float32(0.5**0.5), atol=1e-3)
    many = [f"text {number} " * 20 for number in range(5_000)]
    assert bridged.embed_text(many, batch_size=5_000).shape == (5_000, 6)


def test_nothing_is_nothing(bridged: peers.PeerModel) -> None:
    assert bridged.embed_audio([]).shape == (0, 6)
    assert bridged.embed_text([]).shape == (0, 6)
    assert bridged.embed_text("one").shape == (1, 6)


def test_chance_is_the_same_and_undisturbed(bridged: peers.PeerModel) -> None:
    import random

    model = open_peer(HERE)
    random.seed(5)
    expected = random.random()
    random.seed(5)
    first = model.embed_text(["a", "b"])
    assert random.random() == expected
    np.testing.assert_array_equal(model.embed_text(["a", "b"]), first)


@pytest.mark.parametrize("spec", [HERE, THERE])
def test_what_is_raised_is_told_and_the_model_lives(spec: str, capfd: pytest.CaptureFixture[str]) -> None:
    model = open_peer(spec)
    with pytest.raises(ModelError, match=r"two_functions.py:Model.*: ValueError: I was told to$"):
        model.embed_text(["raise"])
    if spec == THERE:
        assert "in embed_text" in capfd.readouterr().err  # the whole traceback
    with pytest.raises(ModelError, match=r"shape \(3,\) for 1 items; it must give one vector for each"):
        model.embed_text(["shape"])
    with pytest.raises(ModelError, match="1 of 1 vectors are zero, NaN or infinite"):
        model.embed_text(["nan"])
    with pytest.raises(ModelError, match=r"Model.*: gives vectors of 3 numbers for texts and of 6 for texts"):
        model.embed_text(["narrow"])
    assert model.embed_text(["fine"]).shape == (1, 6)
    model.close()
    model.close()
    with pytest.raises(ModelError, match="open the model again"):
        model.embed_text(["fine"])


@pytest.mark.parametrize("spec", [HERE, THERE])
def test_sounds_and_texts_of_unlike_widths_are_refused(spec: str) -> None:
    model = open_peer(spec)
    assert model.embed_text(["narrow"]).shape == (1, 3)
    told = r"Model.*: gives vectors of 6 numbers for sounds and of 3 for texts; .* must share one space"
    with pytest.raises(ModelError, match=told):
        model.embed_audio(sounds(2))


def test_the_digest_of_a_peer_is_of_its_files_options_and_environment() -> None:
    here, there = open_peer(HERE), open_peer(THERE)
    assert here.info["files"] == there.info["files"] == [FILE]
    assert here.digest() == open_peer(HERE).digest()
    assert len({here.digest(), there.digest(), open_peer(f"python:{FILE}:make").digest()}) == 3


@pytest.mark.parametrize(("text", "how"), [("die", "exit code 7"), ("killed", "SIGKILL, as when memory")])
def test_a_death_is_reported(text: str, how: str, capfd: pytest.CaptureFixture[str]) -> None:
    model = open_peer(THERE)
    with pytest.raises(ModelError, match=f"its process ended .{how}"):
        model.embed_text([text])
    assert text == "killed" or "last words" in capfd.readouterr().err
    with pytest.raises(ModelError, match="closed"):
        model.embed_text(["fine"])


def test_a_death_between_requests_is_reported() -> None:
    model = open_peer(THERE)
    model._backend._process.kill()  # type: ignore[attr-defined]
    model._backend._process.wait()  # type: ignore[attr-defined]
    with pytest.raises(ModelError, match=r"its process ended .SIGKILL"):
        model.embed_text(["fine"])


def test_an_interruption_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    from chronoclap.peers import bridge

    model = open_peer(THERE)
    process = model._backend._process  # type: ignore[attr-defined]

    def interrupted(stream: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bridge, "read_frame", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.embed_text(["fine"])
    assert process.poll() is not None


def test_the_process_ends_with_ours(tmp_path: Path) -> None:
    script = f"""
        from chronoclap import peers
        model = peers.open_model({THERE!r})
        print(model._backend._process.pid, flush=True)
    """
    source = Path(chronoclap.__file__).parent.parent
    environment = os.environ | {"PYTHONPATH": str(source)}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


def test_what_is_no_worker_is_said(tmp_path: Path) -> None:
    talker = tmp_path / "talker"
    talker.write_text("#!/bin/sh\necho hello there; read a\n")
    talker.chmod(0o755)
    with pytest.raises(ModelError, match=r"no worker answers .*hello th.*is it a Python\?"):
        peers.open_model(f"python:{FILE}:Model@{talker}")
    talker.write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(ModelError, match=r"ended .exit code 3.*needs Python 3.9 or later, numpy"):
        peers.open_model(f"python:{FILE}:Model@{talker}")
    talker.write_text("no program at all")
    with pytest.raises(ModelError, match="cannot be run"):
        peers.open_model(f"python:{FILE}:Model@{talker}")


def test_a_worker_knows_nothing_of_ours(tmp_path: Path) -> None:
    """Neither chronoclap nor the modules of its adapters can be imported by their bare names."""
    (tmp_path / "looks.py").write_text(
        textwrap.dedent(
            """
            import importlib.util, os, sys

            found = [n for n in ("adapters", "bridge", "worker", "wire") if importlib.util.find_spec(n)]
            assert not found, found
            assert not [name for name in sys.modules if name.startswith("chronoclap.")]
            assert "PYTHONPATH" not in os.environ

            def embed_audio(waveforms, rate):
                for samples in waveforms:
                    samples += 1  # they are its own
                return [[1.0]] * len(waveforms)

            def embed_text(texts):
                return [[1.0]] * len(texts)
            """
        )
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        model = open_peer(f"python:{tmp_path / 'looks.py'}@{sys.executable}")
    assert model.embed_audio([np.zeros(5, np.float32)]).shape == (1, 1)


@pytest.mark.parametrize("python", [None, sys.executable])
def test_the_forms_of_the_two_functions(python: str | None) -> None:
    def opened(name: str) -> peers.PeerModel:
        return open_peer(f"python:{FILE}{name}" + (f"@{python}" if python else ""))

    assert opened(":make").rate == MODEL_RATE
    tensors = opened(":OfTensors")
    assert tensors.rate == 48_000
    np.testing.assert_allclose(tensors.embed_text(["a", "b"]), [[0.6, 0.8]] * 2)
    np.testing.assert_allclose(opened("").embed_text("a"), [[0, 1]])
    with pytest.raises(ModelError, match=r"a Deaf without the functions embed_audio\(waveforms, rate\)"):
        opened(":Deaf")
    with pytest.raises(ModelError, match=r"its rate is 44\.1"):
        opened(":Rateless")
    with pytest.raises(ModelError, match="there is no Other in"):
        opened(":Other")
    with pytest.raises(ModelError, match="there is no such file"):
        open_peer("python:nowhere.py:Model" + (f"@{python}" if python else ""))
    with pytest.raises(ModelError, match=r"cannot be imported .*file\.py:NAME"):
        open_peer("python:no_module_of_that_name:Model" + (f"@{python}" if python else ""))


def test_a_module_by_its_name() -> None:
    assert open_peer("python:two_functions:Model").dim == 6
