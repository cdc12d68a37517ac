"""The towers as graphs of plain operations, from samples and token ids to unit vectors.

Everything that depends on the length of the input is said with shapes, never with Python's branches, so that
one graph serves all lengths.
"""

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chronoclap.audio import LogMel
from chronoclap.errors import ModelError
from chronoclap.models.compact import CompactModel
from chronoclap.models.htsat_roberta import HtsatRoberta
from chronoclap.models.htsat_roberta.fast_htsat import FastHtsat
from chronoclap.models.htsat_roberta.fast_roberta import FastRoberta
from chronoclap.models.msclap import MsClap
from chronoclap.models.products import TORCH
from chronoclap.models.towers import Towers
from chronoclap.models.windowed import WindowedModel


class ConvolvedLogMel(nn.Module):
    """`LogMel` with its Fourier transform as a convolution: runtimes have slow transforms, or none.

    Args:
        mel: whose window, filters and logarithm are used. Only the bins that a band hears are computed.
    """

    kernel: Tensor
    filters: Tensor

    def __init__(self, mel: LogMel) -> None:
        super().__init__()
        self.mel = mel
        config = mel.config
        bins = torch.arange(mel.heard.start, mel.heard.stop, dtype=torch.float64)[:, None]
        angle = 2 * math.pi / config.n_fft * bins * torch.arange(config.window_length)
        window = mel.window[: config.window_length].double()
        kernel = torch.cat([angle.cos() * window, -angle.sin() * window]).float()
        self.register_buffer("kernel", kernel[:, None])

    def forward(self, samples: Tensor) -> Tensor:
        """(b, n) samples, at least a window of them, to (b, frames, mels)."""
        config = self.mel.config
        signal = samples[:, None]
        if config.center:
            half = config.window_length // 2
            signal = F.pad(signal, (half, half), mode=config.pad_mode)
        real, imaginary = F.conv1d(signal, self.kernel, stride=config.hop_length).chunk(2, dim=1)
        power = real.square() + imaginary.square()
        return self.mel.banded(power.transpose(1, 2))


class CompactAudio(nn.Module):
    """Samples of any length up to a window to a unit vector, (1, n) to (1, dim)."""

    def __init__(self, model: CompactModel) -> None:
        super().__init__()
        self.model = model
        self.mel = ConvolvedLogMel(model.mel)

    def forward(self, samples: Tensor) -> Tensor:
        size, hop, edge = self.model.patch_samples
        count = samples.shape[1]
        # `num_patches`, in shapes: at least one patch, then as many as reach the end.
        patches = torch.sym_max(0, (count + 2 * edge - size + hop - 1) // hop) + 1
        signal = F.pad(samples, (edge, size + hop * (patches - 1) - edge - count))
        audio = self.model.config.audio
        begin = torch.arange(patches) * audio.patch_hop
        features = self.model.audio.trunk(self.mel(signal)[0][begin[:, None] + torch.arange(audio.patch)])
        return self.model.embed_features(features[None])


class CompactText(nn.Module):
    """Token ids and their mask to unit vectors, (b, t) to (b, dim)."""

    def __init__(self, model: CompactModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        real = mask.bool()
        place = torch.arange(ids.shape[1])[None]
        marks = (place == 0) | (place == mask.sum(1, keepdim=True) - 1)  # what begins and ends a text
        return self.model.unit(self.model.text(ids, real, marks))


class WindowedAudio(nn.Module):
    """Samples that fill a window to unit vectors, (b, window) to (b, dim)."""

    def __init__(self, model: WindowedModel, hear: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.model = model
        self.hear = hear
        self.mel = ConvolvedLogMel(model.mel)

    def forward(self, samples: Tensor) -> Tensor:
        if self.model.policy.int16:  # as `round_to_int16` does
            samples = torch.trunc(samples.clamp(-1, 1) * 32767.0) / 32767.0
        heard = self.model.pool(self.hear(self.mel(samples)))
        return F.normalize(self.model.project_audio(heard), dim=-1)


class WindowedText(nn.Module):
    """Token ids and their mask to unit vectors, (b, t) to (b, dim)."""

    def __init__(self, project: nn.Module, read: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.project = project
        self.read = read

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        return F.normalize(self.project(self.read(ids, mask)), dim=-1)


def graphs(model: Towers) -> tuple[nn.Module, nn.Module]:
    """The sound tower and the text tower of a model as graphs to export; the model is not changed."""
    model = copy.deepcopy(model).cpu().eval().requires_grad_(False)
    if isinstance(model, CompactModel):
        half_words(model)
        return CompactAudio(model), CompactText(model)
    if isinstance(model, HtsatRoberta):
        hear, read = FastHtsat(model.clap, TORCH), FastRoberta(model.clap, TORCH).padded
        return WindowedAudio(model, hear), WindowedText(model.clap.text_projection, read)
    assert isinstance(model, MsClap)
    if model.gpt2 is not None:
        raise ModelError("GPT-2's text tower is not exported; Microsoft's 2022 checkpoint and LAION's are.")
    return WindowedAudio(model, model.hear), WindowedText(model.text_projection, model.read)


def half_words(model: CompactModel) -> None:
    """Keep the word vectors, half of all weights, in float16 where that loses nothing: only the few that a
    text uses are ever widened."""
    words = model.text.encoder.words.weight
    if torch.equal(words.half().float(), words):
        model.text.encoder.words.weight = nn.Parameter(words.half(), requires_grad=False)
