"""HTSAT and RoBERTa: numbers equal to transformers', files that it reads, and clear refusals."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ClapModel, ClapProcessor, ClapTextModelWithProjection, pipeline

import chronoclap
from chronoclap import Clap
from chronoclap.errors import ModelError
from chronoclap.models.policy import AudioPolicy, round_to_int16
from small_htsat import SENTENCES, laion_sound, write_tokenizer, write_with_transformers

RATE = 48_000
SHORT = laion_sound()
TEXTS = [*SENTENCES, "rain"]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_with_transformers(tmp_path_factory.mktemp("hf") / "unfused")


@pytest.fixture(scope="module")
def fused(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_with_transformers(tmp_path_factory.mktemp("hf") / "fused", fused=True)


@pytest.fixture
def copied(directory: Path, tmp_path: Path) -> Path:
    """A checkpoint that may be damaged."""
    return Path(shutil.copytree(directory, tmp_path / "copied"))


def theirs(directory: Path, sounds: list[np.ndarray]) -> np.ndarray:
    """What transformers makes of sounds no longer than its window."""
    model, processor = ClapModel.from_pretrained(directory).eval(), ClapProcessor.from_pretrained(directory)
    inputs = processor(audio=sounds, sampling_rate=RATE, return_tensors="pt")
    # The fused extractor calls a random one of the short sounds long.
    inputs["is_longer"] = torch.zeros(len(sounds), 1, dtype=torch.bool)
    with torch.no_grad():
        return model.get_audio_features(**inputs).pooler_output.numpy()


class TestNumbers:
    @pytest.mark.parametrize("padding", ["repeatpad", "repeat", "pad"])
    def test_sounds_are_embedded_as_by_transformers(self, tmp_path: Path, padding: str) -> None:
        folder = write_with_transformers(tmp_path, padding=padding)
        sounds = [SHORT, SHORT[:50_000], np.tile(SHORT, 4)[: 10 * RATE]]
        np.testing.assert_allclose(
            chronoclap.load(folder).embed_audio(sounds), theirs(folder, sounds), atol=2e-6
        )

    def test_so_they_are_by_a_fused_model(self, fused: Path) -> None:
        np.testing.assert_allclose(
            chronoclap.load(fused).embed_audio([SHORT]), theirs(fused, [SHORT]), atol=1e-4
        )

    def test_texts_are_embedded_as_by_transformers_though_padded_otherwise(self, directory: Path) -> None:
        model, processor = (
            ClapModel.from_pretrained(directory).eval(),
            ClapProcessor.from_pretrained(directory),
        )
        tokens = processor(text=TEXTS, return_tensors="pt", padding="max_length", max_length=77)
        with torch.no_grad():
            expected = model.get_text_features(**tokens).pooler_output.numpy()
        np.testing.assert_allclose(chronoclap.load(directory).embed_text(TEXTS), expected, atol=1e-6)

    def test_alone_and_in_a_batch_are_one(self, directory: Path) -> None:
        clap = chronoclap.load(directory)
        both = clap.embed_audio([SHORT, SHORT[::-1].copy()])
        np.testing.assert_array_equal(both[:1], clap.embed_audio(SHORT))
        np.testing.assert_allclose(clap.embed_text(TEXTS)[3:], clap.embed_text("rain"), atol=1e-6)

    def test_a_long_recording_is_the_mean_of_overlapping_windows(self, directory: Path) -> None:
        clap = chronoclap.load(directory)
        long = np.tile(SHORT, 5)[: 15 * RATE]
        parts = clap.embed_audio([long[: 10 * RATE], long[5 * RATE :]]).mean(0)
        np.testing.assert_allclose(clap.embed_audio(long)[0], parts / np.linalg.norm(parts), atol=1e-6)

    def test_moments_cover_the_recording_and_their_mean_direction_is_the_embedding_of_a_window(
        self, directory: Path
    ) -> None:
        clap = chronoclap.load(directory)
        frames = clap.frames(np.tile(SHORT, 5)[: 12 * RATE])
        assert frames.start[0] == 0
        assert frames.end[-1] == 12
        np.testing.assert_allclose(frames.start[1:], frames.end[:-1])
        np.testing.assert_allclose(np.diff(frames.start), 0.3125)
        assert len(frames.vectors) == 39  # 32 of ten seconds, and those that two seconds reach
        np.testing.assert_allclose(np.linalg.norm(frames.vectors, axis=1), 1, atol=1e-6)

    def test_the_scale_is_the_one_for_sounds(self, directory: Path) -> None:
        scale = load_file(directory / "model.safetensors")["logit_scale_a"].exp().clamp(max=100)
        torch.testing.assert_close(chronoclap.load(directory).model.scale(), scale)


class TestPolicy:
    def test_another_fill_can_be_asked_for_and_is_kept(self, directory: Path, tmp_path: Path) -> None:
        repeating, silent = chronoclap.load(directory), chronoclap.load(directory, fill="silence")
        assert np.abs(repeating.embed_audio(SHORT) - silent.embed_audio(SHORT)).max() > 1e-3
        again = chronoclap.load(silent.save(tmp_path / "silent"))
        np.testing.assert_array_equal(again.embed_audio(SHORT), silent.embed_audio(SHORT))
        extractor = ClapProcessor.from_pretrained(tmp_path / "silent").feature_extractor
        assert extractor.padding == "pad"

    def test_so_can_rounding_to_16_bits(self, directory: Path, tmp_path: Path) -> None:
        rounding = chronoclap.load(directory, int16=True)
        rounded = chronoclap.load(directory).embed_audio(round_to_int16(SHORT))
        np.testing.assert_array_equal(rounding.embed_audio(SHORT), rounded)
        assert chronoclap.load(rounding.save(tmp_path / "r")).model.policy.int16

    def test_rounding_cuts_towards_zero_and_clips(self) -> None:
        samples = np.array([0.99999, -0.99999, 2.0, -2.0, 1e-5], np.float32)
        np.testing.assert_array_equal(
            round_to_int16(samples) * 32767, np.array([32766, -32766, 32767, -32767, 0], np.float32)
        )

    def test_the_compact_model_has_no_such_choice(self) -> None:
        with pytest.raises(ModelError, match="no fill"):
            chronoclap.load("compact", fill="silence")

    def test_settings_of_the_extractor_come_back(self) -> None:
        policy = AudioPolicy(fill="repeat")
        assert AudioPolicy.from_extractor(policy.to_extractor()) == policy

    @pytest.mark.parametrize(
        ("change", "said"),
        [({"truncation": "other"}, "other"), ({"padding": "mirror"}, "mirror"), ({"top_db": 80}, "top_db")],
    )
    def test_unknown_settings_are_named(self, change: dict[str, object], said: str) -> None:
        with pytest.raises(ModelError, match=said):
            AudioPolicy.from_extractor({**AudioPolicy().to_extractor(), **change})


class TestFiles:
    def test_what_is_saved_comes_back_bit_for_bit(self, directory: Path, tmp_path: Path) -> None:
        clap = chronoclap.load(directory)
        clap.info["trained"] = {"seed": 3}
        again = chronoclap.load(clap.save(tmp_path / "saved"))
        np.testing.assert_array_equal(again.embed_audio(SHORT), clap.embed_audio(SHORT))
        np.testing.assert_array_equal(again.embed_text(TEXTS), clap.embed_text(TEXTS))
        assert again.info["trained"] == {"seed": 3}
        assert again.name == "unfused"

    def test_transformers_reads_what_is_saved(self, directory: Path, tmp_path: Path) -> None:
        clap = chronoclap.load(directory)
        saved = clap.save(tmp_path / "saved")
        np.testing.assert_allclose(clap.embed_audio([SHORT]), theirs(saved, [SHORT]), atol=2e-6)
        tokens = ClapProcessor.from_pretrained(saved).tokenizer(TEXTS, padding=True, return_tensors="pt")
        with torch.no_grad():
            texts = ClapModel.from_pretrained(saved).eval().get_text_features(**tokens).pooler_output
        np.testing.assert_allclose(clap.embed_text(TEXTS), texts.numpy(), atol=1e-6)

    def test_the_text_tower_alone_is_read_as_audioldm_reads_it(self, directory: Path, tmp_path: Path) -> None:
        clap = chronoclap.load(directory)
        saved = clap.save(tmp_path / "saved")
        tokens = ClapProcessor.from_pretrained(saved).tokenizer(TEXTS, padding=True, return_tensors="pt")
        with torch.no_grad():
            texts = ClapTextModelWithProjection.from_pretrained(saved).eval()(**tokens).text_embeds
        unit = torch.nn.functional.normalize(texts, dim=-1)
        np.testing.assert_allclose(clap.embed_text(TEXTS), unit.numpy(), atol=1e-6)

    def test_its_zero_shot_pipeline_gives_our_probabilities(self, directory: Path, tmp_path: Path) -> None:
        clap = chronoclap.load(directory)
        saved = clap.save(tmp_path / "saved")
        classify = pipeline("zero-shot-audio-classification", model=str(saved))
        labels = ["dog", "rain", "siren"]
        said = classify(SHORT, candidate_labels=labels, hypothesis_template="the sound of {}")
        texts = clap.embed_text([f"the sound of {label}" for label in labels])
        logits = clap.model.scale().item() * (clap.embed_audio(SHORT) @ texts.T)[0]
        ours = dict(zip(labels, torch.tensor(logits).softmax(0).tolist(), strict=True))
        assert {answer["label"]: answer["score"] for answer in said} == pytest.approx(ours, abs=1e-4)

    def test_vocabulary_and_merges_do_for_a_tokenizer(self, copied: Path) -> None:
        before = chronoclap.load(copied).embed_text(TEXTS)
        (copied / "tokenizer.json").unlink()
        for file in write_tokenizer(copied / "t").iterdir():
            shutil.copy(file, copied)
        np.testing.assert_array_equal(chronoclap.load(copied).embed_text(TEXTS), before)

    def test_weights_that_only_torch_reads_do_too(self, copied: Path) -> None:
        before = chronoclap.load(copied).embed_text(TEXTS)
        state = load_file(copied / "model.safetensors")
        # Files of older versions of transformers lack what follows from the sizes.
        state = {
            n: t for n, t in state.items() if not n.endswith(("token_type_ids", "relative_position_index"))
        }
        torch.save(state, copied / "pytorch_model.bin")
        (copied / "model.safetensors").unlink()
        np.testing.assert_array_equal(chronoclap.load(copied).embed_text(TEXTS), before)

    def test_texts_are_cut_where_the_network_ends(self, directory: Path) -> None:
        clap = chronoclap.load(directory)
        assert clap.embed_text("rain " * 2000).shape == (1, 32)


class TestRefusals:
    def test_a_pickle_that_would_run_code(self, copied: Path, tmp_path: Path) -> None:
        class Trap:
            def __reduce__(self) -> tuple[object, tuple[str]]:
                return (os.system, (f"touch {tmp_path / 'sprung'}",))

        (copied / "model.safetensors").unlink()
        torch.save({"weights": Trap()}, copied / "pytorch_model.bin")
        with pytest.raises(ModelError, match="refused, for it holds more than weights"):
            chronoclap.load(copied)
        assert not (tmp_path / "sprung").exists()

    def test_a_file_that_is_cut_short(self, copied: Path) -> None:
        weights = copied / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:10_000])
        with pytest.raises(ModelError, match=r"model\.safetensors: cannot be read"):
            chronoclap.load(copied)

    def test_a_weight_that_is_not_a_number(self, copied: Path) -> None:
        state = load_file(copied / "model.safetensors")
        state["text_projection.linear1.bias"][3] = float("nan")
        save_file(state, copied / "model.safetensors")
        with pytest.raises(ModelError, match=r"NaN or infinity in text_projection\.linear1\.bias"):
            chronoclap.load(copied)

    def test_weights_of_another_size(self, copied: Path) -> None:
        config = json.loads((copied / "config.json").read_text())
        config["audio_config"]["depths"] = [2, 2, 4, 2]
        (copied / "config.json").write_text(json.dumps(config))
        with pytest.raises(
            ModelError, match=r"do not fit the configuration: \d+ missing, such as audio_model"
        ):
            chronoclap.load(copied)

    def test_filters_of_the_other_kind(self, copied: Path, fused: Path) -> None:
        shutil.copy(fused / "processor_config.json", copied)
        with pytest.raises(ModelError, match=r"model is not fused.*rand_trunc"):
            chronoclap.load(copied)

    @pytest.mark.parametrize(
        ("file", "said"),
        [
            ("tokenizer.json", "no tokenizer"),
            ("processor_config.json", "preprocessor_config.json is missing"),
            ("model.safetensors", "model.safetensors: cannot be read"),
        ],
    )
    def test_a_file_that_is_missing(self, copied: Path, file: str, said: str) -> None:
        (copied / file).unlink()
        with pytest.raises(ModelError, match=said):
            chronoclap.load(copied)

    @pytest.mark.parametrize("file", ["config.json", "processor_config.json", "tokenizer.json"])
    def test_a_file_that_is_damaged(self, copied: Path, file: str) -> None:
        (copied / file).write_text('{"half": ')
        with pytest.raises(ModelError, match=r"not a readable|damaged"):
            chronoclap.load(copied)

    def test_a_tokenizer_of_another_model(self, copied: Path, tiny_checkpoint: Path) -> None:
        config = json.loads((copied / "config.json").read_text())
        config["text_config"]["vocab_size"] = 100
        state = load_file(copied / "model.safetensors")
        words = "text_model.embeddings.word_embeddings.weight"
        save_file({**state, words: state[words][:100].clone()}, copied / "model.safetensors")
        (copied / "config.json").write_text(json.dumps(config))
        with pytest.raises(ModelError, match="do not belong together"):
            chronoclap.load(copied)

    def test_another_kind_of_model(self, copied: Path) -> None:
        (copied / "config.json").write_text('{"model_type": "bert"}')
        with pytest.raises(ModelError, match="'bert', not a CLAP"):
            chronoclap.load(copied)

    def test_a_name_that_the_hub_does_not_give(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        with pytest.raises(ModelError, match="hub did not give it"):
            chronoclap.load("nobody-here/no-such-clap")

    @pytest.mark.parametrize("safe", [True, False])
    def test_a_name_on_the_hub_is_fetched_and_an_old_file_only_where_there_is_no_other(
        self, copied: Path, monkeypatch: pytest.MonkeyPatch, safe: bool
    ) -> None:
        if not safe:
            (copied / "model.safetensors").rename(copied / "kept")
        asked: list[list[str]] = []

        def fetched(name: str, allow_patterns: list[str]) -> str:
            assert name == "laion/clap-htsat-unfused"
            asked.append(allow_patterns)
            if "pytorch_model.bin" in allow_patterns:
                torch.save(load_file(copied / "kept"), copied / "pytorch_model.bin")
            return str(copied)

        monkeypatch.setattr("huggingface_hub.snapshot_download", fetched)
        assert chronoclap.load("laion/clap-htsat-unfused").embed_text("rain").shape == (1, 32)
        assert len(asked) == 2 - safe

    def test_a_slip_in_a_path_is_not_looked_for_on_the_hub(
        self, copied: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(copied.parent)
        (copied.parent / "runs").mkdir()
        with pytest.raises(ModelError, match="no checkpoint of that name"):
            chronoclap.load("runs/copyed")


def test_our_own_file_is_not_needed(directory: Path) -> None:
    assert not (directory / "chronoclap.json").exists()
    assert isinstance(chronoclap.load(directory), Clap)
