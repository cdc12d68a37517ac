"""Train `compact-base`: an order-blind sound-text model from single events.

    python pretraining/train_base.py --data MANIFEST --out src/chronoclap/models/weights/compact-base

Starts from the training-free bridge (see `starting_weights.py`) and moves what turns trunk features and
sentences into content vectors; trunk and text encoder stay frozen. Three terms, each symmetric or towards a
fixed teacher:

- recordings: real training clips and synthetic sounds, each in several disguises (speed, filtering, echo,
level, noise),
  against the names of all training events;
- vocabulary: hand-written phrases against the AudioSet classes that a tagger would hear, as class scores
without sound, so
  that the words of language keep their meaning beyond the events of the data;
- anchor: what the model makes of a recording must rank the vocabulary as the class scores alone do, or
events that have no
  recording in the data would be forgotten.

`--hold-out N` leaves ten classes out of training, drawn by seed N, and reports them: that is how settings
were chosen.
"""

import argparse
import csv
import hashlib
import random
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
import torch
from starting_weights import sentence_vectors, starting_model
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from chronoclap.audio import read_audio
from chronoclap.data import by_split, foley_events, read_manifest
from chronoclap.models.checkpoint import write_model
from chronoclap.models.compact import CompactModel, stack_features
from chronoclap.scenes import FORMS, Event, Sounds, operand
from chronoclap.training.data import training_events

PROMPTS = ("this is a sound of {}", "{} can be heard")
VOCABULARY = Path(__file__).parents[1] / "src/chronoclap/data/vocabulary.csv"


@dataclass(frozen=True, slots=True)
class Settings:
    """What was chosen on the validation split and on held-out classes."""

    steps: int = 600
    clips: int = 64
    phrases: int = 256
    learning_rate: float = 1e-3
    temperature: float = 0.05
    vocabulary_temperature: float = 0.07
    vocabulary_weight: float = 2.0
    anchor_weight: float = 1.0
    disguises: int = 3
    patches: int = 10
    foley_share: float = 0.2


def disguise(samples: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """The same sound otherwise recorded: speed, frequency response, room, level, noise floor."""
    if rng.random() < 0.7:
        samples = soxr.resample(samples, rate * float(np.exp(rng.uniform(-0.17, 0.17))), rate)
    if rng.random() < 0.7:
        spectrum = np.fft.rfft(samples)
        curve = np.interp(np.linspace(0, 1, len(spectrum)) ** 0.5, np.linspace(0, 1, 6), rng.normal(0, 5, 6))
        samples = np.fft.irfft(spectrum * 10 ** (curve / 20), len(samples))
    if rng.random() < 0.3:
        length = int(rate * rng.uniform(0.1, 0.6))
        echo = rng.normal(size=length) * np.exp(-np.linspace(0, 7, length))
        whole = len(samples) + length
        wet = np.fft.irfft(np.fft.rfft(samples, whole) * np.fft.rfft(echo, whole), whole)[: len(samples)]
        samples = samples + rng.uniform(0.1, 0.6) * wet / np.sqrt((echo**2).sum())
    samples = samples / max(float(np.abs(samples).max(initial=0)), 1e-9) * 10 ** (rng.uniform(-26, 0) / 20)
    if rng.random() < 0.3:
        samples = samples + rng.normal(size=len(samples)) * 10 ** (rng.uniform(-70, -40) / 20)
    return samples.astype(np.float32)


def recording_features(
    model: CompactModel, events: list[Event], disguises: int, cache: Path
) -> list[list[Tensor]]:
    """Trunk features of every recording as it is and in its disguises; made once, then from the cache."""
    made_from = [model.config.audio, disguises, *(e.recording for e in events)]
    key = hashlib.sha256(repr(made_from).encode()).hexdigest()[:16]
    file = cache / f"features-{key}.pt"
    if file.exists():
        return torch.load(file, weights_only=True)
    sounds = Sounds(model.rate, limit_mb=1)
    features = []
    for number, event in enumerate(tqdm(events, desc="features", unit="recording")):
        synthetic = event.recording.startswith("foley:")
        samples = sounds.samples(event) if synthetic else read_audio(event.recording, model.rate)
        rng = np.random.default_rng([number])
        versions = [samples[: 10 * model.rate]] + [
            disguise(samples, model.rate, rng) for _ in range(min(disguises, 1) if synthetic else disguises)
        ]
        features.append([model.trunk_features(version[: 10 * model.rate]).half() for version in versions])
    torch.save(features, file)
    return features


def read_vocabulary(names: list[str]) -> tuple[list[str], Tensor]:
    """Phrases, class names included, and the (phrases, classes) scores that a tagger should give them."""
    column = {name: number for number, name in enumerate(names)}
    with VOCABULARY.open(encoding="utf-8", newline="") as file:
        rows = [
            (row["phrase"], dict(part.rsplit("=", 1) for part in row["classes"].split(";")))
            for row in csv.DictReader(file)
        ]
    phrases = [name.lower() for name in names] + [phrase for phrase, _ in rows]
    scores = torch.zeros(len(phrases), len(names))
    scores[: len(names)] = torch.eye(len(names))
    for number, (_, classes) in enumerate(rows, start=len(names)):
        for name, weight in classes.items():
            scores[number, column[name]] = float(weight)
    return phrases, scores


def sentences(model: CompactModel, phrases: list[str], cache: Path) -> Tensor:
    """(wordings, phrases, hidden) sentence vectors: each phrase in every form and prompt."""
    key = hashlib.sha256("\n".join(phrases).encode()).hexdigest()[:16]
    file = cache / f"sentences-{key}.pt"
    if not file.exists():
        wordings = [[operand(phrase, form).text for phrase in phrases] for form in FORMS]
        wordings += [[prompt.format(phrase) for phrase in phrases] for prompt in PROMPTS]
        torch.save(
            torch.stack([sentence_vectors(model, w) for w in tqdm(wordings, desc="sentences")]).half(), file
        )
    return torch.load(file, weights_only=True).float()


class Recordings:
    """Training clips by class, drawn between equally by class and equally by clip."""

    def __init__(self, events: list[Event], features: list[list[Tensor]], settings: Settings) -> None:
        self.settings = settings
        self.features = features
        self.labels = sorted({event.phrase for event in events})
        self.real = self._groups(events, synthetic=False)
        self.synthetic = self._groups(events, synthetic=True)

    def _groups(
        self, events: list[Event], *, synthetic: bool
    ) -> tuple[list[tuple[int, list[int]]], np.ndarray]:
        groups: dict[int, list[int]] = {}
        for number, event in enumerate(events):
            if event.recording.startswith("foley:") == synthetic:
                groups.setdefault(self.labels.index(event.phrase), []).append(number)
        share = np.array([len(numbers) for numbers in groups.values()]) ** 0.5
        return list(groups.items()), share / share.sum()

    def draw(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Features and mask of a batch, and the number of each clip's label."""
        clips, labels = [], []
        for _ in range(self.settings.clips):
            groups, share = self.synthetic if rng.random() < self.settings.foley_share else self.real
            label, numbers = groups[int(rng.choice(len(groups), p=share))]
            versions = self.features[numbers[int(rng.integers(len(numbers)))]]
            clip = versions[int(rng.integers(len(versions)))]
            start = int(rng.integers(max(1, len(clip) - self.settings.patches + 1)))
            clips.append(clip[start : start + self.settings.patches].float())
            labels.append(label)
        return *stack_features(clips), torch.tensor(labels)


def train(
    model: CompactModel, names: list[str], recordings: Recordings, settings: Settings, cache: Path, seed: int
) -> None:
    """Move the content layers of both towers, in place."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    phrases, scores = read_vocabulary(names)
    of_labels, of_phrases = sentences(model, recordings.labels, cache), sentences(model, phrases, cache)
    audio, text = model.audio.content, model.text.content
    moving = [*audio.meanings.parameters(), *audio.residual.parameters(), *audio.saliency.parameters()]
    moving += text.correction.parameters()
    optimiser = torch.optim.AdamW(moving, lr=settings.learning_rate, weight_decay=0.0)
    model.train()
    with tqdm(range(settings.steps), desc="base", unit="step") as bar:
        for step in bar:
            warm = min(1.0, (step + 1) / 50)
            for group in optimiser.param_groups:
                group["lr"] = (
                    settings.learning_rate * warm * 0.5 * (1 + np.cos(np.pi * step / settings.steps))
                )
            features, mask, label = recordings.draw(rng)
            classes = torch.sigmoid(audio.classes(features))
            weight = torch.sigmoid(audio.saliency(features)) * mask[..., None]
            heard = (weight * classes).sum(1)
            known = F.normalize(audio.meanings(heard), dim=-1)
            clips = F.normalize(audio.meanings(heard) + (weight * audio.residual(features)).sum(1), dim=-1)
            written = text(of_labels[int(rng.integers(len(of_labels)))])
            recorded = F.cross_entropy(clips @ written.T / settings.temperature, label)

            drawn = torch.from_numpy(rng.choice(len(phrases), settings.phrases, replace=False))
            wanted = scores[drawn]
            # Scores as they come: weaker than the list says, beside those of something else in the room.
            strength = torch.empty_like(wanted).uniform_(0.3, 1) * torch.empty(len(drawn), 1).uniform_(0.3, 1)
            room = (heard / weight.sum(1)).detach()[
                torch.from_numpy(rng.integers(len(heard), size=len(drawn)))
            ]
            virtual = F.normalize(
                audio.meanings(wanted * strength + room * torch.rand(len(drawn), 1)), dim=-1
            )
            meant = text(of_phrases[int(rng.integers(len(of_phrases))), drawn])
            direction = F.normalize(wanted, dim=-1)
            target = (direction @ direction.T > 0.9).float()
            target = target / target.sum(1, keepdim=True)
            logits = virtual @ meant.T / settings.vocabulary_temperature
            vocabulary = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2

            teacher = F.softmax(known.detach() @ meant.T / settings.temperature, dim=1)
            student = F.log_softmax(clips @ meant.T / settings.temperature, dim=1)
            anchor = F.kl_div(student, teacher, reduction="batchmean")
            loss = recorded + settings.vocabulary_weight * vocabulary + settings.anchor_weight * anchor
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            bar.set_postfix(
                recorded=f"{recorded:.2f}", vocabulary=f"{vocabulary:.2f}", anchor=f"{anchor:.2f}"
            )
    model.eval()


@torch.inference_mode()
def top1(model: CompactModel, features: list[Tensor], truth: list[str], labels: list[str]) -> float:
    """Zero-shot accuracy with the prompt "this is a sound of {label}"."""
    vectors = torch.cat([model.embed_features(*stack_features([clip.float()])) for clip in features])
    texts = model.encode_texts([PROMPTS[0].format(label) for label in labels])
    guess = (vectors @ texts.T).argmax(1).tolist()
    return float(np.mean([labels[g] == t for g, t in zip(guess, truth, strict=True)]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="manifest of recordings; its train split is used")
    parser.add_argument("--out", type=Path, help="checkpoint directory to write")
    parser.add_argument("--cache", type=Path, default=Path("runs/pretraining"), help="downloads and features")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--hold-out", type=int, help="leave ten classes out, drawn by this seed, and report them"
    )
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    settings = Settings()
    model, names = starting_model(arguments.cache)
    everything = read_manifest(arguments.data)
    real = training_events(everything)
    events = real + by_split(foley_events(), "train")
    features = recording_features(model, events, settings.disguises, arguments.cache)
    val = by_split(everything, "val")
    val_features = [versions[0] for versions in recording_features(model, val, 0, arguments.cache)]
    held: set[str] = set()
    if arguments.hold_out is not None:
        counts = {e.phrase: sum(o.phrase == e.phrase for o in real) for e in real}
        held = set(
            random.Random(arguments.hold_out).sample(sorted(p for p, n in counts.items() if n >= 6), 10)
        )
    kept = [number for number, event in enumerate(events) if event.phrase not in held]
    recordings = Recordings([events[n] for n in kept], [features[n] for n in kept], settings)
    train(model, names, recordings, settings, arguments.cache, arguments.seed)
    labels = sorted({event.phrase for event in real + val})
    accuracy = top1(model, val_features, [e.phrase for e in val], labels)
    print(f"validation top-1 over {len(labels)} names: {accuracy:.3f}")
    if held:
        left = [n for n, event in enumerate(real) if event.phrase in held]
        accuracy = top1(model, [features[n][0] for n in left], [real[n].phrase for n in left], labels)
        print(f"held-out classes top-1: {accuracy:.3f} of {len(left)} ({', '.join(sorted(held))})")
    if arguments.out:
        about = {
            "name": "compact-base",
            "description": "sound and text, no sense of time: trained on single events",
            "licence": "Apache-2.0",
            "seed": arguments.seed,
        }
        write_model(model, arguments.out, about, half=True)
        print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()
