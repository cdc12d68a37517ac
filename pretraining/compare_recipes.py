"""Train recipes on the same data, steps and seeds, evaluate them side by side, and write the page of results.

    python pretraining/compare_recipes.py --data MANIFEST --runs runs/compare --page docs/results.md

Runs that are finished are not run again, and one that was stopped goes on; a finished run of other
settings, --steps say, is refused. To train several at a time, call it several times with different
--recipes and --train-only, then once without.
"""

import argparse
import json
import statistics
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import chronoclap
from chronoclap.data import by_split, foley_events, read_manifest
from chronoclap.data.clips import read_clips
from chronoclap.evaluation import Row, evaluate, read_json, write_json
from chronoclap.evaluation.tasks.oracle import ORACLE
from chronoclap.scenes import Sounds
from chronoclap.training import COURSES, RECIPES, Recipe, find_stages, train_stages
from chronoclap.training.data import training_clips, training_events

UNTAUGHT = "compact-base"
"""What is measured beside the runs: it knows sounds and no order."""
START = "compact-reader"
"""What the runs start from: the same, taught to read."""


class Variant(NamedTuple):
    """A recipe with one thing changed."""

    recipe: str
    changes: dict[str, Any]
    said: str
    captions: bool = False
    start: str = START


_TOLD = "a quarter of its virtual rows are the captions of --captions, with what contradicts them by rule"
_PAIRS = {"mix": "pairs", "sequences": 0.7, "groups": 600, "groups_per_step": 16}
VARIANTS = {
    "teminal-long": Variant(
        "teminal", {"steps": 600}, "stage A with as many steps before stage B as `teminal-b` has, then these"
    ),
    "tclap-all": Variant(
        "tclap", {"reading": "batch-all"}, "L_t is against all contradictions of the batch, not a row's own"
    ),
    "tclap-captions": Variant("tclap", {}, _TOLD, captions=True),
    "chrono-captions": Variant("chrono", {}, _TOLD, captions=True),
    "chrono-unread": Variant("chrono", {"spans": 0.0}, "no lessons in reading beside L_c"),
    "chrono-untaught": Variant("chrono", {}, f"from `{UNTAUGHT}`", start=UNTAUGHT),
    "contrastive-untaught": Variant("contrastive", {}, f"from `{UNTAUGHT}`", start=UNTAUGHT),
    "tclap-untaught": Variant("tclap", {}, f"from `{UNTAUGHT}`", start=UNTAUGHT),
    "chrono-anchor": Variant(
        "chrono", {"anchor": 1.0}, "held to what the start makes of single events' words"
    ),
    "chrono-lt": Variant("chrono", {"temporal_weight": 0.5}, "0.5 L_t beside L_c, two contradictions a row"),
    "chrono-pairs": Variant("chrono", _PAIRS, "the scenes of `tclap` and three events"),
}

SUMMARY = [
    ("T-Classify all four, seen", "t_classify", "joint", "seen"),
    ("pair unseen", "t_classify", "joint", "pair_unseen"),
    ("classes unseen", "t_classify", "joint", "class_unseen"),
    ("TACT before", "order_tact", "before", "all"),
    ("after", "order_tact", "after", "all"),
    ("three events, sound → text", "three_events", "audio_to_text", "all"),
    ("text → sound", "three_events", "text_to_audio", "all"),
    ("in the grammar's words, all four", "wordings_known", "joint", "all"),
    ("as AudioTime, all four", "wordings_audiotime", "joint", "all"),
    ("as AudioCaps, all four", "wordings_audiocaps", "joint", "all"),
    ("ZSTE 1", "zste_1", "single", "all"),
    ("ZSTE 2, mixed", "zste_2", "mixed", "all"),
    ("ZSTE 3, mixed", "zste_3", "mixed", "all"),
    ("ZSTE 4, mixed", "zste_4", "mixed", "all"),
    ("ZSTE 5, apart", "zste_5", "mixed_apart", "all"),
    ("zero-shot", "zero_shot", "top1", "all"),
    ("ESC-50's names", "zero_shot_esc50", "top1", "all"),
    ("retrieval, mAP@10", "retrieval", "text_to_audio_map10", "all"),
]
"""What stands in the first table: title, task, metric, slice."""


def run_name(recipe: str, seed: int) -> str:
    """Directory of a run, and the name of its model."""
    return f"{recipe}-{seed}"


def train_all(arguments: argparse.Namespace) -> None:
    """Train what is not trained yet."""
    starts = {name: chronoclap.load(name) for name in (START, UNTAUGHT)}
    events = training_events(read_manifest(arguments.data)) + by_split(foley_events(), "train")
    table = [] if arguments.captions is None else read_clips(arguments.captions)
    clips, _ = training_clips(table, [], 10.0, Sounds())
    for seed in range(arguments.seeds):
        for recipe in arguments.recipes:
            out = arguments.runs / run_name(recipe, seed)
            name, changes, _, told, start = VARIANTS.get(recipe, Variant(recipe, {}, ""))
            stages = find_stages(name, **({"steps": arguments.steps} | changes))
            if (out / "config.json").is_file():
                refuse_others(out, stages[-1])
                continue
            if told and not clips:
                raise SystemExit(f"{recipe}: name a table of captions with --captions.")
            features = arguments.runs / "features"
            train_stages(
                stages,
                starts[start],
                events,
                out,
                clips=clips if told else (),
                seed=seed,
                resume=True,
                workers=0,
                features=features,
            )


def refuse_others(run: Path, recipe: Recipe) -> None:
    """Exit if a finished run was trained by other settings than are asked for: the page would say these."""
    was = json.loads((run / "config.json").read_text(encoding="utf-8"))["trained"]["recipe"]
    asked = json.loads(json.dumps(recipe.to_dict()))
    if other := [name for name in was | asked if was.get(name) != asked.get(name)]:
        said = ", ".join(f"{name} {was.get(name)}, not {asked.get(name)}" for name in other)
        raise SystemExit(f"{run}: finished, but with {said}. Choose another --runs, or remove it.")


def measure(arguments: argparse.Namespace) -> list[Row]:
    """Evaluate what is started from and every finished run on the same items; what was measured is kept."""
    names = [run_name(recipe, seed) for recipe in arguments.recipes for seed in range(arguments.seeds)]
    file = arguments.runs / f"{arguments.suite}-{arguments.split}-{arguments.pairs}.json"
    rows = read_json(file) if file.is_file() else []
    known = {row.model for row in rows}
    new = [n for n in names if n not in known and (arguments.runs / n / "config.json").is_file()]
    claps = [chronoclap.load(arguments.runs / name) for name in new]
    claps += [chronoclap.load(name) for name in (START, UNTAUGHT) if name not in known]
    if claps:
        rows += evaluate(
            claps,
            read_manifest(arguments.data),
            suite=arguments.suite,
            split=arguments.split,
            oracle=claps[-1] if UNTAUGHT not in known else None,
            n_pairs=arguments.pairs,
            progress=True,
        )
        write_json(rows, file)
    return rows


def cell(rows: Sequence[Row], *, interval: bool = True) -> str:
    """Runs of one recipe in per cent: their mean, its sd over seeds, and the mean of their intervals."""
    if not rows:
        return "–"
    values = [100 * row.value for row in rows]
    sd = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    low, high = (100 * statistics.mean(ends) for ends in ([r.low for r in rows], [r.high for r in rows]))
    return f"{statistics.mean(values):.1f}{sd}" + (f" ({low:.0f}–{high:.0f})" if interval else "")


def page(rows: Sequence[Row], arguments: argparse.Namespace) -> str:
    """The page: a table of all recipes and main measures, then one for each task with intervals."""
    columns = {UNTAUGHT: [UNTAUGHT], START: [START]}
    columns |= {r: [run_name(r, seed) for seed in range(arguments.seeds)] for r in arguments.recipes}
    columns[ORACLE] = [ORACLE]
    measured = {row.model for row in rows}
    columns = {name: models for name, models in columns.items() if measured & set(models)}
    fewer = {r: len(measured & set(columns[r])) for r in arguments.recipes if r in columns}
    fewer = {r: n for r, n in fewer.items() if n < arguments.seeds}
    runs = f"{arguments.seeds} runs a recipe, with seeds from 0"
    runs += "".join(f"; {n} of `{r}`" for r, n in fewer.items())
    command = (
        "python pretraining/compare_recipes.py --data sounds/manifest.csv --runs runs/compare "
        f"--seeds {arguments.seeds} --steps {arguments.steps} --split {arguments.split} "
        f"--pairs {arguments.pairs} --suite {arguments.suite} "
        + (f"--captions {Path(arguments.captions).name} " if arguments.captions else "")
        + f"--recipes {' '.join(arguments.recipes)} "
        f"--title {arguments.title!r} --page {arguments.page}"
    )
    lines = [
        f"# {arguments.title}",
        "",
        f"Every recipe starts from `{START}`, on the same data, with as many scenes and {arguments.steps} "
        f"steps; {runs}. The {arguments.split} split, {arguments.pairs} pairs a slice; per cent, mean ± "
        f"standard deviation over seeds. `{START}` is `{UNTAUGHT}` taught to read, which has heard no scene; "
        f"`{ORACLE}` is what the ear of `{UNTAUGHT}` allows where it is told the boundaries.",
        "",
    ]
    if "contrastive" in arguments.recipes:
        lines.append("- `tact` is not a row: with its authors' weights it is `contrastive` (see method.md).")
    lines += [
        f"- `{r}`: `{VARIANTS[r].recipe}`, but {VARIANTS[r].said}."
        for r in arguments.recipes
        if r in VARIANTS
    ]
    lines += ["", "```sh", command, "```", "", *summary(rows, columns)]
    lines += [
        "",
        "The same and more, with 95 % intervals by bootstrap over sources (the mean of those of the runs).",
    ]
    for task in dict.fromkeys(row.task for row in rows):
        of_task = [row for row in rows if row.task == task]
        shown = {n: models for n, models in columns.items() if {r.model for r in of_task} & set(models)}
        lines += [
            "",
            f"## {task}",
            "",
            f"| | chance | {' | '.join(shown)} |",
            "|---" * (len(shown) + 2) + "|",
        ]
        for metric, part in dict.fromkeys((row.metric, row.slice) for row in of_task):
            here = [row for row in of_task if (row.metric, row.slice) == (metric, part)]
            cells = [cell([row for row in here if row.model in models]) for models in shown.values()]
            lines.append(f"| {metric}, {part} | {100 * here[0].chance:.2g} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def summary(rows: Sequence[Row], columns: dict[str, list[str]]) -> list[str]:
    """A row for each recipe, a column for each main measure that was taken."""
    taken = {(row.task, row.metric, row.slice) for row in rows}
    measures = [measure for measure in SUMMARY if measure[1:] in taken]
    chances = {(row.task, row.metric, row.slice): 100 * row.chance for row in rows}
    lines = [f"| | {' | '.join(title for title, *_ in measures)} |", "|---" * (len(measures) + 1) + "|"]
    lines.append(f"| chance | {' | '.join(f'{chances[tuple(m[1:])]:.2g}' for m in measures)} |")
    for name, models in columns.items():
        cells = [
            cell(
                [r for r in rows if r.model in models and [r.task, r.metric, r.slice] == key], interval=False
            )
            for _, *key in measures
        ]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = [*RECIPES, *COURSES, *VARIANTS]
    plain = [name for name in known if name not in VARIANTS or not VARIANTS[name].captions]
    parser.add_argument("--data", required=True, help="manifest of recordings")
    parser.add_argument("--runs", type=Path, default=Path("runs/compare"), help="where the runs are kept")
    parser.add_argument(
        "--recipes",
        nargs="+",
        choices=known,
        default=plain,
        help="default: all that need no --captions",
        metavar="R",
    )
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--steps", type=int, default=400, help="of each recipe or course")
    parser.add_argument("--captions", help="table of captions, for the recipes that learn from one")
    parser.add_argument("--suite", choices=["temporal", "wordings", "all"], default="all")
    parser.add_argument("--split", default="test")
    parser.add_argument("--pairs", type=int, default=400, help="pairs a slice")
    parser.add_argument("--train-only", action="store_true", help="train and stop")
    parser.add_argument("--title", default="Results", help="of the page")
    parser.add_argument("--page", type=Path, help="write the page here; default: print it")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    train_all(arguments)
    if not arguments.train_only:
        text = page(measure(arguments), arguments)
        print(text) if arguments.page is None else arguments.page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
