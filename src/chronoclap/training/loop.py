"""The training loop."""

import time
from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from chronoclap.data.clips import CaptionedClip
from chronoclap.data.composing import default_workers
from chronoclap.errors import ChronoclapError, DataError
from chronoclap.files import held
from chronoclap.models import Clap
from chronoclap.models.checkpoint import write_checkpoint
from chronoclap.models.compact import CompactModel
from chronoclap.models.towers import Towers
from chronoclap.models.workers import threads_of_torch
from chronoclap.scenes import Caption, Event, Sounds
from chronoclap.training.captions import Captioned, Said, caption_rows
from chronoclap.training.composed import ShardGroups, ShardSet
from chronoclap.training.economy import DEFAULT_ECONOMY, Economy, kept_memory, quick_arithmetic, recomputed
from chronoclap.training.features import FeatureStore, identity
from chronoclap.training.groups import Grouper, Groups
from chronoclap.training.lessons import REHEARSED, draw
from chronoclap.training.log import Log
from chronoclap.training.objectives import Rows, in_places, objective_loss
from chronoclap.training.phrase_states import PhraseStates
from chronoclap.training.recipes import Recipe, learning_rate
from chronoclap.training.side_by_side import embed_side_by_side
from chronoclap.training.spans import span_loss
from chronoclap.training.state import load_state, save_state
from chronoclap.training.told import Told, told
from chronoclap.training.virtual import VirtualEvents, VirtualRow, vocabulary
from chronoclap.training.weights import choose_trained, merge_adapters, to_train

TOGETHER = 48
"""Captions that are embedded at a time."""


def train(
    recipe: Recipe,
    start: Clap,
    data: list[Event] | ShardSet,
    out: Path,
    *,
    clips: Sequence[CaptionedClip] = (),
    seed: int = 0,
    resume: bool = False,
    workers: int | None = None,
    features: Path | None = None,
    economy: Economy = DEFAULT_ECONOMY,
    progress: bool = True,
) -> Clap:
    """Post-train a model and write it, with its log, to a directory that `chronoclap.load` reads.

    Step k of a run depends on the seed and k alone, so a run that was stopped and resumed ends with the same
    weights.

    Args:
        recipe: what to do.
        start: the model to start from; it is not changed.
        data: the training events, to compose scenes of on the fly, or scenes that were composed before.
        clips: captions that people wrote, for the share that the recipe says: with their recordings in place
            of scenes, without them, where they have a contradiction, in place of virtual events.
        out: directory of the run: the finished checkpoint, `log.jsonl`, and while it runs `state.pt` and
            features.
        seed: >= 0; of scenes, captions, fresh weights and dropout.
        resume: go on from `state.pt`; without it a directory that holds one is refused.
        workers: processes that compose scenes; None: one per core; 0: none beside this one.
        features: a directory where the features of composed scenes are kept for other runs on the same
            scenes; None: within `out`, until the run is finished.
        economy: what the run saves memory and time by.
        progress: show a progress bar.

    Returns:
        The trained model.

    Raises:
        DataError: the data cannot be trained on, `out` belongs to another run, or the recipe is for another
            architecture.
        ChronoclapError: the loss is no longer a number.
    """
    with held(out, "training there"):
        state_file = out / "state.pt"
        if state_file.exists() and not resume:
            raise DataError(
                f"{out} holds an unfinished run: continue it with --resume, or choose another --out."
            )
        return _run(recipe, start, data, out, clips, seed, resume, workers, features, economy, progress)


def _run(
    recipe: Recipe,
    start: Clap,
    data: list[Event] | ShardSet,
    out: Path,
    clips: Sequence[CaptionedClip],
    seed: int,
    resume: bool,
    workers: int | None,
    features: Path | None,
    economy: Economy,
    progress: bool,
) -> Clap:
    """What `train` does in a directory that is this run's alone."""
    state_file = out / "state.pt"
    torch.manual_seed(seed)
    base = start.model
    model = to_train(base, recipe)
    trained = choose_trained(model, recipe.trains)
    if not isinstance(model, CompactModel):
        model.keep_frozen(trained.keys())
    optimiser = torch.optim.AdamW(
        trained.values(),
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        fused=not isinstance(model, CompactModel),  # a tenth of a step where there are many weights
    )
    groups = groups_of(data, recipe, seed, model.rate, clips)
    recipe = groups.recipe
    counted = {"scenes": recipe.groups} if isinstance(data, ShardSet) else {"events": len(data)}
    settings = {"recipe": recipe.to_dict(), "seed": seed, "start": start.name, **counted}
    if clips:
        settings["clips"] = len(clips)
    step = load_state(state_file, trained, optimiser, settings) if resume else 0

    workers = default_workers() if workers is None else workers
    kept = out / "features" if features is None else features / identity(groups, model)[:16]
    store = FeatureStore(kept, groups, model, workers)
    batches = Batches(groups, base, seed, [clip for clip in clips if not clip.recording])
    for earlier in range(step):
        # Pieces of text encoded together show in the last bits of each other: meet them again in the same
        # turn.
        batches.say(earlier)
    model.train()
    threads = torch.get_num_threads()
    if workers and isinstance(model, CompactModel):
        # Threads wait for each other in every operation: beside busy workers, a few are quicker than one per
        # core. Large towers keep them busier than workers do.
        threads = max(1, default_workers() // 2)
    began, seen = time.perf_counter(), 0
    order = (batches.groups(k) for k in range(step, recipe.steps))
    with (
        closing(Log(out / "log.jsonl", settings, resume=resume)) as log,
        threads_of_torch(threads),
        quick_arithmetic(),
        kept_memory(),
        recomputed(model) if economy.checkpointing else nullcontext(),
        tqdm(total=recipe.steps, initial=step, desc=recipe.name, unit="step", disable=not progress) as bar,
    ):
        for heard in store.batches(order):
            torch.manual_seed(seed * 1_000_003 + step)
            batch = batches.make(step, heard, model)
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(recipe, step)
            with torch.autocast(model.device.type, torch.bfloat16, enabled=economy.precision == "bfloat16"):
                loss, measured = step_loss(recipe, model, batch)
            if not torch.isfinite(loss):
                raise ChronoclapError(
                    f"step {step}: the loss is {loss.item()}; try a lower learning rate. See {out}."
                )
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(trained.values(), recipe.clip_norm)
            optimiser.step()
            step, seen = step + 1, seen + len(batch.captions.texts)
            bar.update()
            if step % recipe.log_every == 0 or step == recipe.steps:
                elapsed = time.perf_counter() - began
                measured |= {"samples_per_s": seen / elapsed, "waiting": store.waited / elapsed}
                log.write(step, measured, learning_rate(recipe, step - 1))
                shown = ("loss", "order", "scale", "samples_per_s")
                bar.set_postfix({k: f"{measured[k]:.2f}" for k in shown if k in measured})
            if step % recipe.save_every == 0 and step < recipe.steps:
                save_state(state_file, step, trained, optimiser, settings)
    if not isinstance(model, CompactModel):
        model.keep_frozen(None)
    merge_adapters(model)
    trained_clap = Clap(model.eval(), out.name, {"trained": settings})
    write_checkpoint(model, out, {"name": trained_clap.name, **trained_clap.info})
    if features is None:
        store.remove()
    state_file.unlink(missing_ok=True)
    return trained_clap


def groups_of(
    data: list[Event] | ShardSet, recipe: Recipe, seed: int, rate: int, clips: Sequence[CaptionedClip]
) -> Groups:
    """The groups of a run.

    Raises:
        DataError: they cannot be made of the data.
    """
    heard = [clip for clip in clips if clip.recording]
    if isinstance(data, ShardSet):
        if heard:
            raise DataError(
                "Captioned recordings join scenes that are composed on the fly: give a manifest in place of "
                "shards, or captions without recordings."
            )
        return ShardGroups(data, recipe, seed, rate)
    return Grouper(data, recipe, seed, Sounds(rate), heard)


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one step: scenes and clips first, then virtual events, then captions without recordings.

    Args:
        features: (s, ...) of the scenes.
        virtual: (v, dim) ideal sound of all other rows.
        captions: of all s + v rows.
        states: of each of `captions.everything` its (t, hidden) encoder states; none where the encoder moves.
        anchored: numbers of the rows of single events, where the recipe has an anchor.
        anchors: (rows, width of meanings) unit vectors that the start makes of their captions.
        lesson: captions that are only read, where the recipe teaches to read.
    """

    features: Tensor
    virtual: Tensor
    captions: Captioned
    states: list[Tensor]
    anchored: list[int]
    anchors: Tensor
    lesson: list[Caption]


class Batches:
    """Batch k of a run: which groups, which captions, which virtual events.

    Args:
        composed: the groups.
        base: the model that the run starts from.
        seed: of the run.
        unheard: captions without recordings; those with a contradiction are used.
    """

    def __init__(
        self, composed: Groups, base: Towers, seed: int, unheard: Sequence[CaptionedClip] = ()
    ) -> None:
        self.composed = composed
        self.recipe = composed.recipe
        self.base = base
        self.seed = seed
        self.per_pass = self.recipe.groups // self.recipe.groups_per_step
        self.unheard = [told(clip.caption, clip.contradictions) for clip in unheard if clip.contradictions]
        # What the compact model's frozen encoder makes of words is known before it is asked again.
        compact = base if isinstance(base, CompactModel) else None
        self.states = PhraseStates(compact) if compact else None
        # What is put together from meanings needs each alone, as a model that is deaf to order has them.
        blind = compact.grow(1) if compact and self.recipe.virtual_per_step else None
        self.virtual = VirtualEvents(blind, seed) if blind else None
        if self.unheard and self.virtual is None:
            raise DataError(
                "Captions without recordings are heard through the compact model's sense of words, which "
                "this model or recipe lacks: give their recordings in a column 'path'."
            )

    def groups(self, step: int) -> np.ndarray:
        """Indices of the groups of a step; every pass goes through all groups in another order."""
        passed, position = divmod(step, self.per_pass)
        recipe = self.recipe
        order = np.random.default_rng([self.seed, 3, passed]).permutation(recipe.groups)
        return order[position * recipe.groups_per_step :][: recipe.groups_per_step]

    def make(self, step: int, features: Tensor, model: Towers) -> Batch:
        """The batch of a step, given the features of its groups."""
        drawn, unheard, captions, states = self.say(step)
        virtual = torch.zeros(0, model.dim)
        if self.virtual is not None and isinstance(model, CompactModel):
            virtual = self.virtual.embed(drawn, model)
            if unheard:
                virtual = torch.cat([virtual, self.virtual.embed_told(unheard, model)])
        lesson: list[Caption] = []
        if self.recipe.spans:
            lesson = draw(vocabulary(), REHEARSED, np.random.default_rng([self.seed, 8, step]))
        return Batch(features, virtual, captions, states, *self._anchors(captions), lesson)

    @torch.no_grad()
    def _anchors(self, captions: Captioned) -> tuple[list[int], Tensor]:
        """The rows of single events, and what the start makes of their captions."""
        if not self.recipe.anchor:
            return [], torch.zeros(0)
        rows = [row for row, said in enumerate(captions.claims) if said.relation == "single"]
        return rows, meanings(self.base.encode_texts([captions.texts[row].text for row in rows]), self.base)

    def say(self, step: int) -> tuple[list[VirtualRow], list[Told], Captioned, list[Tensor]]:
        """The virtual rows of a step, the captions without recordings, the captions of all its rows, and the
        encoder states of these."""
        recipe = self.recipe
        planned = [scene for group in self.groups(step) for scene in self.composed.plan(int(group))]
        rows: list[Said | Told] = [
            scene.told or (tuple(event.phrase for event in scene.events), scene.claimed) for scene in planned
        ]
        heard = [scene.events[0].recording if scene.told else "" for scene in planned]
        drawn: list[VirtualRow] = []
        unheard: list[Told] = []
        if self.virtual is not None:
            rng = np.random.default_rng([self.seed, 4, step])
            if self.unheard:
                count = min(round(recipe.captioned * recipe.virtual_per_step), len(self.unheard))
                unheard = [self.unheard[k] for k in rng.choice(len(self.unheard), count, replace=False)]
            drawn = self.virtual.draw(recipe.virtual_per_step - len(unheard), rng, recipe)
            rows += [
                (tuple(self.virtual.phrases[i] for i in numbers), claimed) for numbers, _, claimed in drawn
            ]
            rows += unheard
        seed = int(np.random.default_rng([self.seed, 5, step]).integers(2**31))
        captions = caption_rows(rows, seed, recipe.wanted, heard + [""] * (len(rows) - len(heard)))
        states = self.states.states(captions.everything) if self.states is not None else []
        return drawn, unheard, captions, states


def step_loss(recipe: Recipe, model: Towers, batch: Batch) -> tuple[Tensor, dict[str, float]]:
    """The recipe's loss of a batch, and what the log shows of it."""
    captions = batch.captions
    audio = torch.cat([embed_scenes(model, batch.features).float(), batch.virtual])
    embedded, misread = embed_captions(model, captions.everything, batch.states, bool(recipe.spans))
    embedded = embedded.float()
    n = len(captions.texts)
    text, false, also = embedded.split([n, len(captions.contradictions), len(captions.also)])
    rows = Rows(
        audio,
        text,
        *in_places(false, captions.contradicted, n),
        *in_places(also, captions.also_of, n),
        captions,
        model.scale(),
    )
    loss, parts = objective_loss(recipe, rows)
    if misread is not None and isinstance(model, CompactModel):
        reading = model.text.read(*model.tokens([said.text for said in batch.lesson]))
        parts["spans"] = torch.cat([misread, span_loss(batch.lesson, model, *reading)]).mean()
        loss = loss + recipe.spans * parts["spans"]
    if batch.anchored:
        drifted = meanings(text[batch.anchored], model)
        parts["drift"] = (1 - (drifted * batch.anchors).sum(-1)).mean()
        loss = loss + recipe.anchor * parts["drift"]
    measured = {"loss": loss, **parts, "scale": rows.scale}
    at = rows.is_false[: len(batch.features), 0].nonzero()[:, 0]
    if len(at):
        with torch.no_grad():
            margin = text[at] - rows.false[at, 0]
            measured["order"] = ((audio[at] * margin).sum(-1) > 0).float().mean()
            # The control: can the words alone tell the true order? They must not.
            measured["text_only"] = (margin @ audio[at].mean(0) > 0).float().mean()
    return loss, {name: value.item() for name, value in measured.items()}


def embed_scenes(model: Towers, features: Tensor) -> Tensor:
    """(s, ...) features to (s, dim) unit vectors."""
    if isinstance(model, CompactModel) or features.device.type != "cpu":
        return model.embed_features(features)
    return embed_side_by_side(model, features)


def embed_captions(
    model: Towers, captions: list[Caption], states: list[Tensor], read: bool
) -> tuple[Tensor, Tensor | None]:
    """Embed captions, those of like length together, for what is padded costs as much as what is said.

    Args:
        model: whose text tower is used.
        captions: c captions.
        states: of each its (t, hidden) encoder states, for a compact model.
        read: also measure how each is read, by a compact model.

    Returns:
        (c, dim) unit vectors, and the (c,) `span_loss` of each or None.
    """
    order = sorted(range(len(captions)), key=lambda k: len(states[k]) if states else len(captions[k].text))
    vectors, misread = [], []
    for first in range(0, len(order), TOGETHER):
        part = order[first : first + TOGETHER]
        said = [captions[k] for k in part]
        texts = [caption.text for caption in said]
        if not isinstance(model, CompactModel):
            vectors.append(model.encode_texts(texts))
            continue
        padded = nn.utils.rnn.pad_sequence([states[k] for k in part], batch_first=True)
        reading = model.text.read(*model.tokens(texts)) if read else None
        vectors.append(model.encode_texts(texts, padded, reading))
        if reading is not None:
            misread.append(span_loss(said, model, *reading))
    back = torch.tensor(order).argsort()
    return torch.cat(vectors)[back], torch.cat(misread)[back] if misread else None


def meanings(vectors: Tensor, model: Towers) -> Tensor:
    """What texts of single events mean, whenever these sound: (n, width) unit vectors from (n, dim)."""
    return F.normalize(vectors[:, : model.config.dim], dim=-1) if isinstance(model, CompactModel) else vectors
