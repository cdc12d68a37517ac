"""Write the figures of an evaluation into the README and the model cards, between their result marks.

chronoclap eval compact compact-reader compact-base runs/control --suite all --pairs 200 --data MANIFEST \\
    --split test --json e.json
python pretraining/write_results.py e.json --control control
"""

import argparse
import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "src/chronoclap/models/weights"
START, END = "<!-- results: written by pretraining/write_results.py -->", "<!-- end of results -->"
SLICES = {
    "all": "all",
    "seen": "seen",
    "pair_unseen": "pair unseen",
    "class_unseen": "classes unseen",
}
README_ROWS = [
    *((("t_classify", "audio_to_text", s), "T-Classify, sound → text, ") for s in list(SLICES)[1:]),
    *((("t_classify", "text_to_audio", s), "T-Classify, text → sound, ") for s in list(SLICES)[1:]),
    *((("t_classify", "joint", s), "T-Classify, all four right, ") for s in list(SLICES)[1:]),
    (("three_events", "audio_to_text", "all"), "three events in order, sound → text (chance 16.7), "),
    (("three_events", "text_to_audio", "all"), "three events in order, text → sound, "),
    (("wordings_known", "joint", "all"), "all four right, in the grammar's words, "),
    (("wordings_audiotime", "joint", "all"), "all four right, worded as AudioTime's captions, "),
    (("wordings_audiocaps", "joint", "all"), "all four right, worded as AudioCaps', "),
    (("zste_1", "single", "all"), "ZSTE 1, "),
    (("zste_3", "mixed", "all"), "ZSTE 3, mixed, "),
    (("zste_4", "mixed", "all"), "ZSTE 4, mixed, "),
    (("zste_5", "mixed_apart", "all"), "ZSTE 5, each place apart, "),
    (("zero_shot", "top1", "all"), "zero-shot, 92 names, "),
    (("zero_shot", "top1", "class_unseen"), "zero-shot, 92 names, "),
    (("zero_shot_esc50", "top1", "all"), "zero-shot, ESC-50 names, "),
]
CARD_TASKS = (
    "t_classify",
    "order_compa",
    "three_events",
    *(f"wordings_{style}" for style in ("known", "audiotime", "audiocaps")),
    *(f"zste_{n}" for n in range(1, 6)),
    "zero_shot",
    "zero_shot_esc50",
    "retrieval",
)

Row = dict[str, Any]


def cell(row: Row | None) -> str:
    """A percentage with its interval, or a dash."""
    if row is None:
        return "–"
    value, low, high = (100 * row[key] for key in ("value", "low", "high"))
    return f"{value:.1f} ({low:.0f}–{high:.0f})"


def readme_table(rows: list[Row], control: str) -> str:
    """Start, control, result and oracle side by side."""
    found = {(r["model"], r["task"], r["metric"], r["slice"]): r for r in rows}
    columns = ("compact-base", "compact-reader", control, "compact", "oracle-halves")
    lines = [
        "| % | `compact-base` | start: `compact-reader` | control: `contrastive` | **`compact`** (`chrono`) "
        "| oracle halves |",
        "|---|---|---|---|---|---|",
    ]
    for key, label in README_ROWS:
        cells = (cell(found.get((column, *key))) for column in columns)
        lines.append(f"| {label}{SLICES[key[2]]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def card_table(rows: list[Row], model: str) -> str:
    """Every figure of one model."""
    lines = ["| task | slice | % |", "|---|---|---|"]
    for row in rows:
        if row["model"] == model and row["task"] in CARD_TASKS:
            lines.append(f"| {row['task']} {row['metric']} | {SLICES[row['slice']]} | {cell(row)} |")
    return "\n".join(lines)


def put(file: Path, table: str) -> None:
    """Replace what stands between the marks of a file."""
    text = file.read_text(encoding="utf-8")
    before, rest = text.split(START)
    after = rest.split(END)[1]
    file.write_text(f"{before}{START}\n{table}\n{END}{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("json", type=Path, help="what `chronoclap eval --json` wrote")
    parser.add_argument("--control", required=True, help="name of the control in it")
    arguments = parser.parse_args()
    rows = json.loads(arguments.json.read_text(encoding="utf-8"))
    put(ROOT / "README.md", readme_table(rows, arguments.control))
    for model in ("compact", "compact-reader", "compact-base"):
        put(WEIGHTS / model / "README.md", card_table(rows, model))


if __name__ == "__main__":
    main()
