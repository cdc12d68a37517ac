"""The script that compares recipes does not take a run of other settings for the one asked for."""

import importlib.util
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from chronoclap.training import find_recipe

SCRIPT = Path(__file__).parents[2] / "pretraining" / "compare_recipes.py"


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("compare_recipes", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its tuples look for their annotations
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_a_finished_run_of_other_steps_is_refused(script: ModuleType, tmp_path: Path) -> None:
    asked = find_recipe("tclap")
    run = tmp_path / "tclap-0"
    run.mkdir()

    def finish_with(steps: int) -> None:
        trained = {"recipe": replace(asked, steps=steps).to_dict()}
        (run / "config.json").write_text(json.dumps({"trained": trained}))

    finish_with(asked.steps)
    script.refuse_others(run, asked)
    finish_with(asked.steps + 100)
    with pytest.raises(SystemExit, match=rf"tclap-0: .*steps {asked.steps + 100}, not {asked.steps}\."):
        script.refuse_others(run, asked)
