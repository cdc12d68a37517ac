"""Turn a finished run into a shipped checkpoint: only what differs from `compact-base`, rounded to float16.

python pretraining/ship.py --run runs/compact --out src/chronoclap/models/weights/compact
"""

import argparse
from pathlib import Path

import chronoclap
from chronoclap.models.checkpoint import write_model


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="directory that `chronoclap train` wrote")
    parser.add_argument(
        "--out", type=Path, required=True, help="checkpoint directory to write, named as shipped"
    )
    arguments = parser.parse_args()
    clap = chronoclap.load(arguments.run)
    start, recipe = clap.info["trained"]["start"], clap.info["trained"]["recipe"]["name"]
    about = {
        "name": arguments.out.name,
        "description": f"{start} post-trained by {recipe}: knows what came first",
        "licence": "Apache-2.0",
        **clap.info,
    }
    write_model(clap.model, arguments.out, about, base="compact-base", half=True)


if __name__ == "__main__":
    main()
