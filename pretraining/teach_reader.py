"""Make `compact-reader`: `compact-base` taught to read what captions say of time. It hears nothing meanwhile.

    python pretraining/teach_reader.py --out src/chronoclap/models/weights/compact-reader

Takes about twenty-five minutes. Runs of `chronoclap train` start from it unless another model is named.
"""

import argparse
from pathlib import Path

import torch

import chronoclap
from chronoclap.models.checkpoint import write_model
from chronoclap.training import find_recipe
from chronoclap.training.lessons import teach_reading

BASE = "compact-base"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lessons", type=int, default=4000, help="of 256 captions each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="checkpoint directory to write")
    arguments = parser.parse_args()
    recipe = find_recipe("chrono", steps=arguments.lessons)
    torch.manual_seed(arguments.seed)
    model = chronoclap.load(BASE).model.grow(recipe.moments)
    teach_reading(model, recipe, arguments.seed)
    about = {
        "name": arguments.out.name,
        "description": f"{BASE}, taught to read order in captions; no scene was heard",
        "licence": "Apache-2.0",
        "taught": {"lessons": arguments.lessons, "seed": arguments.seed},
    }
    write_model(model.eval(), arguments.out, about, base=BASE, half=True)


if __name__ == "__main__":
    main()
