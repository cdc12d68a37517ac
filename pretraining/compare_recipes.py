"""Train recipes on the same data, steps and seeds, evaluate them side by side, and write the page of results.

    python pretraining/compare_recipes.py --data MANIFEST --runs runs/compare --page docs/results.md

Runs that are finished are not run again, and one that was stopped goes on. To train several at a
time, call it several times with different --recipes and --train-only, then once without.
"""

import argparse
import statistics
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import chronoclap
from chronoclap.data import by_split, foley_events, read_manifest
from chronoclap.evaluation import Row, evaluate, read_json, write_json
from chronoclap.evaluation.oracle import ORACLE
from chronoclap.training import COURSES, RECIPES, find_stages, train_stages
from chronoclap.training.captions import Wanted
from chronoclap.training.data import training_events

START = "compact-base"

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "teminal-long": ("teminal", {"steps": 600}),
    "tclap-all": ("tclap", {"reading": "batch-all"}),
    "chrono-unread": ("chrono", {"spans": 0.0}),
    "chrono-order": ("chrono", {"wanted": Wanted()}),
    "chrono-pairs": ("chrono", {"mix": "pairs", "sequences": 0.7, "groups": 600, "groups_per_step": 16}),
    "chrono-lc": ("chrono", {"temporal_weight": 0.0}),
    "chrono-anchor": ("chrono", {"anchor": 1.0}),
}
"""Recipes with one thing changed: stage A with as many steps before stage B as that has; L_t against all contradictions of the batch; no reading lessons; one
contradiction a row, of order only; the scenes that `tclap` has, and threes; L_c alone; held to what the start
makes of the words for single events."""


def run_name(recipe: str, seed: int) -> str:
    """Directory of a run, and the name of its model."""
    return f"{recipe}-{seed}"


def train_all(arguments: argparse.Namespace) -> None:
    """Train what is not trained yet."""
    start = chronoclap.load(START)
    events = training_events(read_manifest(arguments.data)) + by_split(foley_events(), "train")
    for seed in range(arguments.seeds):
        for recipe in arguments.recipes:
            out = arguments.runs / run_name(recipe, seed)
            if (out / "config.json").is_file():
                continue
            name, changes = VARIANTS.get(recipe, (recipe, {}))
            stages = find_stages(name, **({"steps": arguments.steps} | changes))
            features = arguments.runs / "features"
            train_stages(stages, start, events, out, seed=seed, resume=True, workers=0, features=features)


def measure(arguments: argparse.Namespace) -> list[Row]:
    """Evaluate the start and every finished run on the same items; what was measured before is kept."""
    names = [run_name(recipe, seed) for recipe in arguments.recipes for seed in range(arguments.seeds)]
    file = arguments.runs / f"{arguments.split}-{arguments.pairs}.json"
    rows = read_json(file) if file.is_file() else []
    known = {row.model for row in rows}
    new = [n for n in names if n not in known and (arguments.runs / n / "config.json").is_file()]
    claps = [chronoclap.load(arguments.runs / name) for name in new]
    if START not in known:
        claps.append(chronoclap.load(START))
    if claps:
        rows += evaluate(
            claps,
            read_manifest(arguments.data),
            split=arguments.split,
            oracle=claps[-1] if START not in known else None,
            n_pairs=arguments.pairs,
            progress=True,
        )
        write_json(rows, file)
    return rows


def cell(rows: Sequence[Row]) -> str:
    """Runs of one recipe in per cent: their mean, its sd over seeds, and the mean of their intervals."""
    if not rows:
        return "–"
    values = [100 * row.value for row in rows]
    low, high = (100 * statistics.mean(ends) for ends in ([r.low for r in rows], [r.high for r in rows]))
    sd = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{sd} ({low:.0f}–{high:.0f})"


def page(rows: Sequence[Row], arguments: argparse.Namespace) -> str:
    """The page: a table for each task, a column for each recipe."""
    columns = {START: [START]}
    columns |= {r: [run_name(r, seed) for seed in range(arguments.seeds)] for r in arguments.recipes}
    columns[ORACLE] = [ORACLE]
    measured = {row.model for row in rows}
    runs = ", ".join(f"{len(measured & set(columns[r]))} of `{r}`" for r in arguments.recipes)
    asked = f"--seeds {arguments.seeds} --steps {arguments.steps} --split {arguments.split}"
    lines = [
        "# Results",
        "",
        f"All recipes from `{START}`, on the same data, with as many scenes and {arguments.steps} steps. "
        f"Runs with different seeds: {runs}. The {arguments.split} split, {arguments.pairs} pairs a slice; "
        "per cent, mean ± standard deviation over seeds, and in brackets 95 % intervals by bootstrap over "
        f"sources (the mean of those of the runs). `{ORACLE}` is what the ear of `{START}` allows where it "
        "is told the boundaries.",
        "",
        "```sh",
        "python pretraining/compare_recipes.py --data sounds/manifest.csv --runs runs/compare "
        f"{asked} --pairs {arguments.pairs} --page docs/results.md",
        "```",
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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = [*RECIPES, *COURSES, *VARIANTS]
    parser.add_argument("--data", required=True, help="manifest of recordings")
    parser.add_argument("--runs", type=Path, default=Path("runs/compare"), help="where the runs are kept")
    parser.add_argument(
        "--recipes", nargs="+", choices=known, default=known, help="default: all", metavar="R"
    )
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--steps", type=int, default=400, help="of each recipe or course")
    parser.add_argument("--split", default="test")
    parser.add_argument("--pairs", type=int, default=400, help="pairs a slice")
    parser.add_argument("--train-only", action="store_true", help="train and stop")
    parser.add_argument("--page", type=Path, help="write the page here; default: print it")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    train_all(arguments)
    if not arguments.train_only:
        text = page(measure(arguments), arguments)
        print(text) if arguments.page is None else arguments.page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
