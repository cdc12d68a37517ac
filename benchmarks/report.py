"""Run benchmarks and write docs/performance.md (all of them: about half an hour on two cores): `make bench`.

python benchmarks/report.py [--quick] [--only compact towers] [--scaper PYTHON] [--page PAGE]

A section that is not measured stays as it is: each says when, where and with what it was measured.
"""

import argparse
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import compact
import towers
from common import Section, machine

import scenes
import training

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"


HEAD = """# Performance

Written by `make bench`. Every figure is a median with the smallest and the largest, ratios are taken within a
round. Weights are random, sizes those of released models. What limits the figures, and what was tried, is in
[performance-notes.md](performance-notes.md).
"""
BREAK = "\n## "


def main() -> None:
    """Measure and write."""
    measures: dict[str, Callable[[argparse.Namespace], Section]] = {
        "compact": lambda a: compact.measure(*((2, 4) if a.quick else ())),
        "training": lambda a: training.measure(rounds=1 if a.quick else 2),
        "scenes": lambda a: scenes.measure(*((2, 10) if a.quick else (5, 40)), scaper=a.scaper),
        "towers": lambda a: towers.measure(*((2, 2, 4) if a.quick else ())),
    }
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few rounds, and print instead of writing")
    parser.add_argument("--only", nargs="+", choices=measures, default=list(measures), help="these sections")
    parser.add_argument("--scaper", default=sys.executable, help="the Python that has scaper")
    parser.add_argument("--page", type=Path, default=PAGE, help="for another machine, another page")
    arguments = parser.parse_args()
    for name in arguments.only:
        print(f"{name} ...", file=sys.stderr)
        section = measures[name](arguments)
        section.lines[:0] = [f"{date.today().isoformat()}: {line}" for line in machine()] + [""]
        if arguments.quick:
            print(section.show())
        else:
            page = arguments.page.read_text(encoding="utf-8") if arguments.page.is_file() else HEAD
            arguments.page.write_text(with_section(page, section), encoding="utf-8")
            print(f"wrote {section.title!r} into {arguments.page}", file=sys.stderr)


def with_section(page: str, section: Section) -> str:
    """The page with the section in place of the one of its title, or at its end."""
    shown = section.show().removeprefix(BREAK.strip() + " ").strip()
    parts = [part.strip() for part in page.split(BREAK)[1:]]
    titles = [part.splitlines()[0] for part in parts]
    if section.title in titles:
        parts[titles.index(section.title)] = shown
    else:
        parts.append(shown)
    return BREAK.join([HEAD, *(part + "\n" for part in parts)])


if __name__ == "__main__":
    main()
