"""What saves memory or time leaves the result as it is; adapters become weights."""

import ctypes
import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_world import SHORT, stop_at
from torch import nn

import chronoclap
from chronoclap import Clap
from chronoclap.errors import DataError
from chronoclap.models.htsat_roberta import HtsatRoberta
from chronoclap.models.workers import small_numbers_are_zero, threads_of_one_core
from chronoclap.scenes import Event, Sounds
from chronoclap.training import Economy, count_trained, economy, find_recipe, loop, train
from chronoclap.training.economy import (
    kept_memory,
    products_are_exact,
    quick_arithmetic,
    quick_products,
    recomputed,
)
from chronoclap.training.recipes import Recipe
from small_htsat import SENTENCES, laion_sound, write_with_transformers

SOUNDS = Sounds(48_000)
SMALL = {"layout": SHORT, "groups": 2, "groups_per_step": 2, "warm_up": 0, "save_every": 2, "log_every": 1}

KEPT = """
import resource
from pathlib import Path
import torch
from chronoclap.training.economy import kept_memory

def step():  # pages that the system had to fill with zeros, of each piece's 16,384
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    pieces = [torch.ones(2**24) for _ in range(8)]  # 64 MiB, which glibc never keeps by itself
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / len(pieces)

def resident():  # MiB
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20

with kept_memory():
    for _ in range(3):  # until the heap has found its form
        step()
    again, held = step(), resident()
print(again, held, resident())
"""


@pytest.fixture(autouse=True)
def _sounds_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "Sounds", lambda rate: SOUNDS)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Clap:
    return chronoclap.load(write_with_transformers(tmp_path_factory.mktemp("start") / "htsat"))


def small(name: str, **changes: object) -> Recipe:
    recipe = find_recipe(name, "htsat-roberta", lora=changes.pop("lora", None))
    return replace(recipe, **{**SMALL, "steps": 2, **changes})  # type: ignore[arg-type]


def largest_difference(a: nn.Module, b: nn.Module) -> float:
    theirs = b.state_dict()
    assert a.state_dict().keys() == theirs.keys()
    return max(float((tensor - theirs[name]).abs().max()) for name, tensor in a.state_dict().items())


class TestCheckpointing:
    def test_gradients_are_the_same(self, start: Clap) -> None:
        model = start.model.copy().train()
        mels = torch.cat([model.log_mel(laion_sound()), model.log_mel(laion_sound()[::-1].copy())])

        def gradients() -> dict[str, torch.Tensor]:
            model.zero_grad()
            torch.manual_seed(0)  # of dropout
            (model.embed_features(mels) * model.encode_texts(SENTENCES[:2])).sum().backward()
            return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}

        plain = gradients()
        with recomputed(model):
            again = gradients()
        assert plain.keys() == again.keys()
        for name, gradient in plain.items():
            torch.testing.assert_close(again[name], gradient, atol=1e-6, rtol=1e-5, msg=name)

    def test_activations_are_not_kept(self, start: Clap) -> None:
        """What autograd saves for the way back is far less."""
        model = start.model.copy().train()
        mel = model.log_mel(laion_sound())

        def saved() -> int:
            kept = {}
            hooks = torch.autograd.graph.saved_tensors_hooks(lambda t: kept.setdefault(id(t), t), lambda t: t)
            with hooks:
                model.embed_features(mel)
            weights = {p.data_ptr() for p in model.parameters()}
            return sum(t.nbytes for t in kept.values() if t.data_ptr() not in weights)

        plain = saved()
        with recomputed(model):
            assert saved() < 0.35 * plain

    def test_it_ends_with_the_run(self, start: Clap, events: list[Event], tmp_path: Path) -> None:
        def run(name: str, used: Economy) -> Clap:
            return train(
                small("tclap"), start, events, tmp_path / name, economy=used, workers=0, progress=False
            )

        plain, saved = run("plain", Economy()), run("saved", Economy(checkpointing=True))
        assert largest_difference(plain.model, saved.model) < 1e-5
        assert not [layer for layer in saved.model.tower_layers() if "forward" in vars(layer)]

    def test_compact_has_none(self) -> None:
        with pytest.raises(DataError, match="nothing to save"), recomputed(chronoclap.load("compact").model):
            pass


class TestPrecision:
    def test_a_run_in_bfloat16_goes_about_the_same_way(
        self, start: Clap, events: list[Event], tmp_path: Path
    ) -> None:
        def losses(name: str, used: Economy) -> list[float]:
            train(small("tclap"), start, events, tmp_path / name, economy=used, workers=0, progress=False)
            lines = (tmp_path / name / "log.jsonl").read_text().splitlines()[1:]
            return [json.loads(line)["loss"] for line in lines]

        exact, half = losses("exact", Economy()), losses("half", Economy(precision="bfloat16"))
        assert half == pytest.approx(exact, rel=0.05)
        assert half != exact
        written = chronoclap.load(tmp_path / "half").model
        assert {p.dtype for p in written.parameters()} == {torch.float32}


class TestProducts:
    @pytest.fixture(autouse=True)
    def _tried_anew(self) -> Iterator[None]:
        economy._switched_are_exact.cache_clear()
        yield
        economy._switched_are_exact.cache_clear()

    def test_float32_is_told_from_coarser_formats(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert products_are_exact()
        exact = torch.Tensor.__matmul__
        monkeypatch.setattr(
            torch.Tensor,
            "__matmul__",
            lambda a, b: exact(a.bfloat16().float(), b) if a.dtype == torch.float32 else exact(a, b),
        )
        assert not products_are_exact()

    @pytest.mark.parametrize("exact", [True, False])
    def test_the_switch_is_used_only_where_it_is_exact_and_put_back(
        self, monkeypatch: pytest.MonkeyPatch, exact: bool
    ) -> None:
        switch = torch.backends.mkldnn.matmul
        before = switch.fp32_precision
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
        monkeypatch.setattr(economy, "products_are_exact", lambda: exact)
        with quick_products():
            assert switch.fp32_precision == ("bf16" if exact else before)
            with quick_products():
                assert switch.fp32_precision == ("bf16" if exact else before)
            assert switch.fp32_precision == ("bf16" if exact else before)
        assert switch.fp32_precision == before

    def test_elsewhere_nothing_is_switched(self, monkeypatch: pytest.MonkeyPatch) -> None:
        before = torch.backends.mkldnn.matmul.fp32_precision
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
        with quick_products():
            assert torch.backends.mkldnn.matmul.fp32_precision == before


class TestSmallNumbers:
    """Below float32's full precision."""

    def test_they_are_zero_while_a_run_lasts(self) -> None:
        assert not small_numbers_are_zero()
        with quick_arithmetic():
            assert small_numbers_are_zero()
            with quick_arithmetic():
                assert small_numbers_are_zero()
            assert small_numbers_are_zero()
        assert not small_numbers_are_zero()

    def test_they_are_zero_in_threads_of_one_core(self) -> None:
        with threads_of_one_core(2) as threads:
            assert threads.submit(small_numbers_are_zero).result()
        assert not small_numbers_are_zero()

    def test_averages_of_what_is_met_once_end_at_zero(self) -> None:
        weight = torch.nn.Parameter(torch.ones(8))
        optimiser = torch.optim.AdamW([weight], fused=True)
        with quick_arithmetic():
            for step in range(1000):
                weight.grad = torch.ones(8) if step == 0 else torch.zeros(8)
                optimiser.step()
        assert not optimiser.state[weight]["exp_avg"].any()


class TestMemory:
    @pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep memory")
    def test_what_is_freed_is_there_again_and_goes_back_at_last(self) -> None:
        """In a process of its own: in one that has run other tests, what those left behind decides."""
        done = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        again, held, left = (float(number) for number in done.stdout.split())
        assert again < 64
        assert left < held - 400

    def test_other_libraries_are_left_as_they_are(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
        monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("was asked"))
        with kept_memory():
            pass


class TestAdapters:
    @pytest.fixture(autouse=True)
    def _peft(self) -> None:
        pytest.importorskip("peft")

    def test_they_and_the_heads_move_and_are_merged(
        self, start: Clap, events: list[Event], tmp_path: Path
    ) -> None:
        recipe = small("tclap", lora=4, learning_rate=1e-2)
        moving, whole = count_trained(recipe, start.model)
        assert moving < 0.2 * whole
        trained = train(recipe, start, events, tmp_path / "run", workers=0, progress=False)
        before, after = start.model.state_dict(), trained.model.state_dict()
        assert before.keys() == after.keys()
        moved = {name for name in before if not torch.equal(before[name], after[name])}
        inside = {name for name in moved if "_model." in name}
        assert {name.split(".")[-2] for name in inside} == {"query", "value"}
        assert {name.split(".")[1] for name in moved - inside} >= {"audio_projection", "text_projection"}
        again = chronoclap.load(tmp_path / "run")
        np.testing.assert_allclose(again.embed_text(SENTENCES), trained.embed_text(SENTENCES), atol=1e-6)

    def test_a_stopped_run_goes_on_with_them(
        self, start: Clap, events: list[Event], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recipe = small("tclap", lora=4, steps=4)
        whole = train(recipe, start, events, tmp_path / "whole", workers=0, progress=False)
        with monkeypatch.context() as patch:
            stop_at(patch, 3)
            with pytest.raises(KeyboardInterrupt):
                train(recipe, start, events, tmp_path / "stopped", workers=0, progress=False)
        resumed = train(recipe, start, events, tmp_path / "stopped", workers=0, progress=False, resume=True)
        assert largest_difference(whole.model, resumed.model) == 0

    def test_where_they_have_no_place(self, start: Clap, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(DataError, match="for HTSAT and RoBERTa"):
            count_trained(find_recipe("tclap", lora=4), chronoclap.load("compact").model)
        monkeypatch.setitem(sys.modules, "peft", None)
        assert isinstance(start.model, HtsatRoberta)
        with pytest.raises(DataError, match=r"chronoclap\[lora\]"):
            count_trained(small("tclap", lora=4), start.model)
