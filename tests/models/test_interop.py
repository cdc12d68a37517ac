"""A directory that we save is used, as it is, by what our users have."""

from pathlib import Path

import numpy as np
import pytest
import torch

import chronoclap
from chronoclap.models import Clap
from small_htsat import SENTENCES, laion_sound, write_with_transformers

pytestmark = pytest.mark.filterwarnings("ignore")  # of theirs


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clap, Path]:
    """A model and the directory that it is saved in, with weights that no other directory has."""
    folder = tmp_path_factory.mktemp("interop")
    clap = chronoclap.load(write_with_transformers(folder / "theirs"))
    with torch.no_grad():
        clap.model.clap.text_projection.linear1.weight.mul_(1.5)
        clap.model.clap.audio_projection.linear2.bias.add_(0.1)
    return clap, clap.save(folder / "ours")


def test_sentence_transformers(saved: tuple[Clap, Path]) -> None:
    library = pytest.importorskip("sentence_transformers")
    clap, folder = saved
    model = library.SentenceTransformer(str(folder), device="cpu")
    texts = model.encode(SENTENCES, normalize_embeddings=True)
    np.testing.assert_allclose(texts, clap.embed_text(SENTENCES), atol=1e-5)
    sounds = [laion_sound(), laion_sound()[::-1].copy()]
    given = [{"array": sound, "sampling_rate": 48_000} for sound in sounds]
    vectors = model.encode(given, normalize_embeddings=True)
    np.testing.assert_allclose(vectors, clap.embed_audio(sounds), atol=1e-5)


def test_peft(saved: tuple[Clap, Path], tmp_path: Path) -> None:
    """An adapter put on our directory by PEFT trains, and once merged comes back to us."""
    peft = pytest.importorskip("peft")
    from transformers import ClapModel

    clap, folder = saved
    settings = peft.LoraConfig(
        r=4, target_modules=["query", "value"], modules_to_save=["text_projection", "audio_projection"]
    )
    adapted = peft.get_peft_model(ClapModel.from_pretrained(folder), settings)
    ids, mask = clap.model.tokens(SENTENCES)
    before = clap.embed_text(SENTENCES)
    optimiser = torch.optim.SGD([p for p in adapted.parameters() if p.requires_grad], lr=1.0)
    for _ in range(3):
        adapted.get_text_features(input_ids=ids, attention_mask=mask).pooler_output[:, 0].sum().backward()
        optimiser.step()
        optimiser.zero_grad()
    merged = adapted.merge_and_unload().eval()
    merged.save_pretrained(tmp_path)
    for file in folder.iterdir():
        if not (tmp_path / file.name).exists():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    again = chronoclap.load(tmp_path)
    with torch.no_grad():
        theirs = merged.get_text_features(input_ids=ids, attention_mask=mask).pooler_output.numpy()
    np.testing.assert_allclose(again.embed_text(SENTENCES), theirs, atol=1e-5)
    assert np.abs(again.embed_text(SENTENCES) - before).max() > 1e-3


def test_audioldm(saved: tuple[Clap, Path]) -> None:
    """The text tower conditions AudioLDM: by a prompt, and by our vector of it, with the same result."""
    diffusers = pytest.importorskip("diffusers")
    from transformers import (
        ClapTextModelWithProjection,
        RobertaTokenizerFast,
        SpeechT5HifiGan,
        SpeechT5HifiGanConfig,
    )

    clap, folder = saved
    torch.manual_seed(0)
    unet = diffusers.UNet2DConditionModel(
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=8,
        sample_size=32,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=(8, 16),
        class_embed_type="simple_projection",
        projection_class_embeddings_input_dim=clap.dim,
        class_embeddings_concat=True,
    )
    vae = diffusers.AutoencoderKL(
        1, 1, ["DownEncoderBlock2D"] * 2, ["UpDecoderBlock2D"] * 2, (8, 16), norm_num_groups=8
    )
    vocoder = SpeechT5HifiGan(
        SpeechT5HifiGanConfig(
            model_in_dim=8, upsample_initial_channel=16, upsample_rates=[2, 2], upsample_kernel_sizes=[4, 4]
        )
    )
    pipe = diffusers.AudioLDMPipeline(
        vae=vae,
        text_encoder=ClapTextModelWithProjection.from_pretrained(folder),
        tokenizer=RobertaTokenizerFast.from_pretrained(folder),
        unet=unet,
        scheduler=diffusers.DDIMScheduler(clip_sample=False, set_alpha_to_one=False),
        vocoder=vocoder,
    )
    pipe.set_progress_bar_config(disable=True)

    def sound(**condition: object) -> np.ndarray:
        noise = torch.Generator().manual_seed(0)
        steps = {"num_inference_steps": 2, "audio_length_in_s": 0.032, "guidance_scale": 1.0}
        return pipe(**condition, **steps, generator=noise).audios

    prompted = sound(prompt=SENTENCES[0])
    ours = sound(prompt_embeds=torch.from_numpy(clap.embed_text(SENTENCES[0])))
    other = sound(prompt_embeds=torch.from_numpy(clap.embed_text(SENTENCES[1])))
    loudest = np.abs(prompted).max()  # random networks whisper
    assert np.abs(ours - prompted).max() < 1e-4 * loudest
    assert np.abs(other - prompted).max() > 1e-3 * loudest
