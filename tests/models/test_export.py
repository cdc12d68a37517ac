"""Towers as ONNX files: they give the model's vectors, without torch, in little memory."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import nn
from typer.testing import CliRunner

import chronoclap
from chronoclap.cli import app
from chronoclap.errors import ModelError
from chronoclap.models import Clap
from chronoclap.models.export import export_onnx, onnx
from chronoclap.models.export.graphs import ConvolvedLogMel, graphs
from chronoclap.scenes.foley import synthesise
from small_htsat import SENTENCES, laion_sound, write_with_transformers

onnxruntime = pytest.importorskip("onnxruntime")
EXAMPLE = Path(__file__).parents[2] / "examples" / "embed_with_onnxruntime.py"
TEXTS = ["a dog barks, then a siren wails", "rain"]


@pytest.fixture(scope="module")
def compact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped compact model, exported by the command."""
    folder = tmp_path_factory.mktemp("exported") / "compact"
    result = CliRunner().invoke(app, ["export", "onnx", "compact", "--out", str(folder)])
    assert result.exit_code == 0, result.output
    assert "audio.onnx: 18 MB" in result.output
    assert "differ from the model's by at most" in result.output
    return folder


@pytest.fixture(scope="module", params=["unfused", "fused"])
def htsat(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Clap, Path]:
    """A small HTSAT and RoBERTa, and what it is exported to."""
    folder = tmp_path_factory.mktemp("htsat")
    write_with_transformers(folder / "model", fused=request.param == "fused")
    clap = chronoclap.load(folder / "model", int16=True)
    apart = export_onnx(clap, folder / "onnx")
    assert max(apart.values()) <= 1e-4
    return clap, folder / "onnx"


def recordings(folder: Path) -> list[Path]:
    """A short one, and a stereo one longer than two of HTSAT's windows, at another rate."""
    rain = synthesise("rain", 0, rate=44_100)
    long = np.resize(rain, 44_100 * 23).astype(np.float32)
    long[44_100 * 9 : 44_100 * 14] = 0
    soundfile.write(folder / "short.wav", rain[:30_000], 44_100)
    soundfile.write(folder / "long.wav", np.stack([long, 0.2 * long[::-1]], axis=1), 44_100)
    return [folder / "short.wav", folder / "long.wav"]


def run_example(folder: Path, model: Path, paths: list[Path]) -> dict[str, np.ndarray]:
    """What the example saves, run where torch and chronoclap cannot be imported."""
    out = folder / "vectors.npz"
    texts = [word for text in TEXTS for word in ("--text", text)]
    code = (
        "import runpy, sys; sys.modules['torch'] = sys.modules['chronoclap'] = None; "
        f"sys.argv = sys.argv[1:]; runpy.run_path({str(EXAMPLE)!r}, run_name='__main__')"
    )
    command = [sys.executable, "-c", code, "example", str(model), *map(str, paths), *texts, "--out", str(out)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "short.wav  rain" in result.stdout
    return dict(np.load(out))


class TestExample:
    def test_compact(self, compact: Path, tmp_path: Path) -> None:
        paths = recordings(tmp_path)
        vectors = run_example(tmp_path, compact, paths)
        clap = chronoclap.load("compact")
        np.testing.assert_allclose(vectors["sounds"], clap.embed_audio(paths), atol=1e-4)
        np.testing.assert_allclose(vectors["texts"], clap.embed_text(TEXTS), atol=1e-5)

    def test_htsat(self, htsat: tuple[Clap, Path], tmp_path: Path) -> None:
        clap, folder = htsat
        paths = recordings(tmp_path)
        vectors = run_example(tmp_path, folder, paths)
        np.testing.assert_allclose(vectors["sounds"], clap.embed_audio(paths), atol=1e-4)
        np.testing.assert_allclose(vectors["texts"], clap.embed_text(TEXTS), atol=1e-5)


class TestFiles:
    def test_htsat_takes_batches(self, htsat: tuple[Clap, Path]) -> None:
        clap, folder = htsat
        sounds = np.resize(laion_sound(), (3, 480_000)).astype(np.float32)
        sounds[1] *= 0.1
        tower = onnxruntime.InferenceSession(folder / "audio.onnx", providers=["CPUExecutionProvider"])
        vectors = tower.run(None, {"samples": sounds})[0]
        np.testing.assert_allclose(vectors, clap.embed_audio(list(sounds)), atol=1e-4)
        assert not np.allclose(vectors[0], vectors[1], atol=1e-3)

    def test_they_say_how_to_use_them(self, compact: Path, htsat: tuple[Clap, Path]) -> None:
        said = json.loads((compact / "model.json").read_text())
        assert (said["rate"], said["window"], said["fill"]) == (16_000, 120.0, None)
        said = json.loads((htsat[1] / "model.json").read_text())
        assert (said["rate"], said["dim"], said["fill"]) == (48_000, 32, "repeatpad")

    @pytest.mark.skipif(sys.platform != "linux", reason="reads a process's largest memory from /proc")
    @pytest.mark.parametrize("tower", ["audio", "text"])
    def test_a_tower_of_compact_runs_in_150_mb(self, compact: Path, tower: str) -> None:
        """The whole process, with Python, numpy and onnxruntime."""
        given = {
            "audio": "{'samples': np.zeros((1, 160_000), np.float32)}",
            "text": "{name: np.ones((1, 24), np.int64) for name in ('ids', 'mask')}",
        }
        code = (
            "import re; import numpy as np, onnxruntime; "
            "options = onnxruntime.SessionOptions(); options.intra_op_num_threads = 1; "
            "options.enable_cpu_mem_arena = False; "
            f"tower = onnxruntime.InferenceSession({str(compact / f'{tower}.onnx')!r}, options); "
            f"[tower.run(None, {given[tower]}) for _ in range(3)]; "
            "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])"
        )
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert int(result.stdout) / 1024 <= 150


class TestLogMel:
    @pytest.mark.parametrize("name", ["compact-base", "htsat"])
    def test_convolution_gives_the_transform(self, name: str, tmp_path: Path) -> None:
        folder = tmp_path if name == "htsat" else name
        if name == "htsat":
            write_with_transformers(tmp_path)
        mel = chronoclap.load(folder).model.mel
        sound = torch.from_numpy(laion_sound())[None, : mel.config.rate]
        torch.testing.assert_close(ConvolvedLogMel(mel)(sound), mel(sound), atol=5e-3, rtol=1e-4)


class TestGate:
    def test_towers_that_differ_are_not_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Wrong(nn.Module):
            def __init__(self, right: nn.Module) -> None:
                super().__init__()
                self.right = right

            def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
                return self.right(ids, mask) + 2e-4

        def wrong(model: nn.Module) -> tuple[nn.Module, nn.Module]:
            audio, text = graphs(model)
            return audio, Wrong(text)

        monkeypatch.setattr(onnx, "graphs", wrong)
        clap = chronoclap.load(write_with_transformers(tmp_path / "model"))
        with pytest.raises(ModelError, match="give other vectors than the model"):
            export_onnx(clap, tmp_path / "onnx")
        assert not (tmp_path / "onnx").exists()

    def test_the_extra_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        with pytest.raises(ModelError, match=r"chronoclap\[onnx\]"):
            export_onnx(chronoclap.load("compact"), tmp_path)

    def test_the_model_stays_as_it_was(self, htsat: tuple[Clap, Path]) -> None:
        clap, _ = htsat
        before = clap.embed_text(SENTENCES)
        graphs(clap.model)
        np.testing.assert_array_equal(clap.embed_text(SENTENCES), before)
