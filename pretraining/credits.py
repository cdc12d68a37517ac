"""Write docs/credits.md: the authors of the recordings that the shipped checkpoints were trained on.

python pretraining/credits.py --data MANIFEST > docs/credits.md
"""

import argparse
import csv
import warnings
from collections import defaultdict
from pathlib import Path

from chronoclap.data import read_manifest
from chronoclap.training.data import training_events

HEAD = """# Credits

The shipped checkpoints were trained on these recordings, published under CC0 or CC BY. Thank you. Cut to
single events, down-mixed and resampled; no recording is part of this repository. Written by `python
pretraining/credits.py`.
"""

HYENA = "Nicolas Mathevon, Aaron Koralek, Mary Weldele, Stephen E. Glickman and Frédéric E. Theunissen"


def author_of(name: str, url: str) -> str:
    """Who is thanked; the manifest has a link's leftovers where its source names several, or nobody."""
    if "1472-6785-10-9" in url:  # sounds of their article, BMC Ecology 10:9, 2010
        return HYENA
    return "unnamed" if not name or name.startswith("[") else name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="manifest with author, licence and url columns"
    )
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    used = {event.recording for event in training_events(read_manifest(arguments.data))}
    by_author: dict[tuple[str, str], set[str]] = defaultdict(set)
    with arguments.data.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if str(arguments.data.parent / row["path"]) in used:
                author = author_of(row["author"].strip(), row["url"].strip())
                by_author[author, row["licence"].strip()].add(row["url"].strip())
    print(HEAD)
    for (author, licence), urls in sorted(by_author.items(), key=lambda item: item[0][0].casefold()):
        print(f"- {author} ({licence}): {', '.join(f'<{url}>' for url in sorted(urls) if url)}")


if __name__ == "__main__":
    main()
