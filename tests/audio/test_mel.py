from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from chronoclap.audio import COMPACT_MEL, LAION_MEL, LogMel, MelConfig
from chronoclap.errors import ModelError


def noise(batch: int, seconds: float, rate: int) -> torch.Tensor:
    samples = 0.1 * np.random.default_rng(0).standard_normal((batch, round(seconds * rate)))
    return torch.from_numpy(samples.astype(np.float32))


def hard(batch: int, seconds: float, rate: int) -> torch.Tensor:
    """A tone over noise that fades to -80 dB, and a silence: float32 shows its rounding beside the tone."""
    samples = noise(batch, seconds, rate)
    n = samples.shape[1]
    samples *= torch.logspace(0, -4, n)
    samples += 0.2 * torch.sin(2 * np.pi * 700 / rate * torch.arange(n))
    samples[:, n // 2 : 3 * n // 4] = 0
    return samples


def expected_compact(samples: np.ndarray) -> np.ndarray:
    """The compact front end, written out filter by filter in float64."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    starts = range(0, len(samples) - 400 + 1, 160)
    magnitude = np.array([np.abs(np.fft.rfft(samples[s : s + 400] * window, 512)) for s in starts])

    def mel(hz):
        return 1127 * np.log(1 + hz / 700)

    edges = np.linspace(mel(125), mel(7500), 66)
    bands = np.zeros((len(magnitude), 64))
    for band in range(64):
        left, peak, right = edges[band : band + 3]
        for k in range(257):
            at = mel(k * 16_000 / 512)
            if left < at < right:
                weight = (at - left) / (peak - left) if at <= peak else (right - at) / (right - peak)
                bands[:, band] += weight * magnitude[:, k]
    return np.log(bands + 0.001)


@pytest.mark.parametrize(("make", "tolerance"), [(noise, 1e-5), (hard, 5e-3)])
def test_compact_equals_the_definition(make, tolerance):
    samples = make(2, 0.8, 16_000)
    ours = LogMel(COMPACT_MEL)(samples)
    assert ours.dtype == torch.float32
    for row, clip in zip(ours, samples, strict=True):
        expected = expected_compact(clip.double().numpy())
        np.testing.assert_allclose(row.numpy(), expected, atol=tolerance, rtol=0)


def test_compact_frames_of_a_patch():
    """YAMNet's patch: 96 frames are 0.975 s."""
    assert LogMel(COMPACT_MEL).frames(15_600) == 96
    assert LogMel(COMPACT_MEL).frames(15_599) == 95


@pytest.mark.parametrize(("make", "tolerance"), [(noise, 1e-4), (hard, 4e-2)])
def test_laion_equals_the_hugging_face_extractor(make, tolerance):
    transformers = pytest.importorskip("transformers")
    extractor = transformers.ClapFeatureExtractor(
        frequency_min=50, frequency_max=14_000, truncation="rand_trunc", padding="pad"
    )
    samples = make(1, 3.21, 48_000)
    theirs = extractor(samples[0].numpy(), sampling_rate=48_000, return_tensors="np")["input_features"][0]
    ours = LogMel(LAION_MEL)(torch.nn.functional.pad(samples, (0, 480_000 - samples.shape[1]))).numpy()
    assert ours.shape == theirs.shape == (1, 1001, 64)
    difference = np.abs(ours - theirs)
    assert difference.max() < tolerance
    assert difference.mean() < 1e-4


def test_laion_of_silence_is_the_clamp():
    assert torch.equal(LogMel(LAION_MEL)(torch.zeros(1, 4_800)), torch.full((1, 11, 64), -100.0))


def test_slaney_scale_at_published_points():
    """The scale is 3 mel per 200 Hz up to 1 kHz = 15 mel, then 27 mel per factor of 6.4."""
    config = replace(LAION_MEL, n_mels=2, f_min=200.0, f_max=6400.0, norm=None, n_fft=4800)
    front_end = LogMel(config)
    peaks = front_end.filters.argmax(dim=0) + front_end.heard.start
    # 200 Hz is 3 mel and 6,400 Hz is 42: the peaks lie at 16 and 29 mel; bins are 10 Hz apart.
    expected = [1000 * 6.4 ** (1 / 27), 1000 * 6.4 ** (14 / 27)]
    np.testing.assert_allclose(peaks * 10.0, expected, atol=5)


def test_slaney_norm_gives_bands_one_area():
    spacing = 48_000 / 8_192
    filters = LogMel(replace(LAION_MEL, n_fft=8_192)).filters
    np.testing.assert_allclose(filters.sum(dim=0) * spacing, np.ones(64), rtol=0.03)


@pytest.mark.parametrize("config", [COMPACT_MEL, LAION_MEL], ids=["compact", "laion"])
def test_a_clip_alone_equals_itself_in_a_batch(config):
    front_end, samples = LogMel(config), hard(3, 3.0, config.rate)
    together = front_end(samples)
    for index in range(3):
        assert torch.equal(front_end(samples[index : index + 1])[0], together[index])


@pytest.mark.parametrize("config", [COMPACT_MEL, LAION_MEL], ids=["compact", "laion"])
def test_whole_batches_as_on_accelerators_equal_clip_by_clip(config):
    front_end, samples = LogMel(config), noise(3, 4.0, config.rate)
    torch.testing.assert_close(front_end._log_mel(samples, None), front_end(samples), atol=1e-4, rtol=0)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(0, 2_000), center=st.booleans(), pad_mode=st.sampled_from(["reflect", "constant"]))
def test_frames_counts_what_forward_gives(n, center, pad_mode):
    front_end = LogMel(replace(COMPACT_MEL, center=center, pad_mode=pad_mode))
    assert front_end(torch.zeros(2, n)).shape == (2, front_end.frames(n), 64)


def test_clip_shorter_than_a_window_is_filled_with_silence():
    front_end, short = LogMel(COMPACT_MEL), noise(1, 0.01, 16_000)
    filled = torch.nn.functional.pad(short, (0, 240))
    assert front_end(short).shape == (1, 1, 64)
    assert torch.equal(front_end(short), front_end(filled))
    assert front_end.frames(1) == 1


def test_centred_frames_equal_torch_stft():
    config = replace(COMPACT_MEL, center=True, pad_mode="reflect", power=2.0)
    samples, front_end = noise(1, 1.0, 16_000), LogMel(config)
    window = torch.hann_window(400, periodic=True)
    centred = torch.nn.functional.pad(samples, (256, 256), mode="reflect")
    spectrum = torch.stft(centred, 512, 160, 400, window, center=False, return_complex=True)
    power = spectrum.abs().square().transpose(1, 2)[..., front_end.heard]
    expected = torch.log(power @ front_end.filters + 0.001)
    ours = front_end(samples)
    assert ours.shape == expected.shape
    # Reflection reaches 200 samples here and 256 there, but frames weigh no more than 200 on either side.
    torch.testing.assert_close(ours, expected, atol=1e-4, rtol=0)


def test_gain_shifts_decibels():
    front_end, samples = LogMel(LAION_MEL), 0.1 * torch.randn(1, 48_000, generator=torch.manual_seed(0))
    torch.testing.assert_close(front_end(10 * samples), front_end(samples) + 20, atol=1e-3, rtol=0)


def test_time_order_is_kept():
    front_end = LogMel(COMPACT_MEL)
    samples = torch.zeros(1, 16_000)
    samples[:, 12_000:14_000] = 0.5 * torch.randn(2_000, generator=torch.manual_seed(0))
    loud = front_end(samples)[0].mean(dim=1).argmax().item()
    assert (12_000 - 400) / 160 <= loud <= 14_000 / 160


def test_float32_whatever_surrounds_it():
    samples = hard(1, 0.5, 16_000)
    expected = LogMel(COMPACT_MEL)(samples)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(LogMel(COMPACT_MEL)(samples), expected)
    assert torch.equal(LogMel(COMPACT_MEL)(samples.double()), expected)
    assert torch.equal(torch.nn.Sequential(LogMel(COMPACT_MEL)).half()(samples), expected)


def test_made_without_memory_it_is_whole_once_it_has_some():
    """Loaders build models on the "meta" device; what no checkpoint holds must come right by itself."""
    with torch.device("meta"):
        front_end = torch.nn.Sequential(LogMel(COMPACT_MEL))
    samples = noise(1, 0.1, 16_000)
    assert torch.equal(front_end.to_empty(device="cpu")(samples), LogMel(COMPACT_MEL)(samples))


def test_nothing_of_it_is_saved():
    assert LogMel(COMPACT_MEL).state_dict() == {}
    assert not list(LogMel(COMPACT_MEL).parameters())


def test_config_survives_a_dictionary():
    for config in (COMPACT_MEL, LAION_MEL):
        assert MelConfig(**asdict(config)) == config


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"window_length": 600}, "window_length must be between 1 and n_fft"),
        ({"hop_length": 0}, "hop_length and n_mels must be at least 1"),
        ({"f_max": 9_000.0}, "0 <= f_min < f_max <= rate / 2"),
        ({"mel_scale": "bark"}, 'mel_scale must be "htk" or "slaney"'),
        ({"power": 3.0}, "power must be 1 or 2"),
        ({"log": "log2"}, "log must be"),
        ({"norm": "l2"}, "norm must be"),
        ({"pad_mode": "edge"}, "pad_mode must be"),
    ],
)
def test_impossible_configurations_are_refused(wrong, rule):
    with pytest.raises(ModelError, match=rule):
        replace(COMPACT_MEL, **wrong)


def test_batch_axis_is_required():
    with pytest.raises(ModelError, match=r"shape \(16000,\); log-mel takes \(batch, n\)"):
        LogMel(COMPACT_MEL)(torch.zeros(16_000))
