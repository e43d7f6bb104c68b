"""The README's code runs as it stands."""

import re
from pathlib import Path

import numpy as np
import pytest

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture(scope="module")
def text():
    if not README.is_file():
        pytest.skip("the README is not part of this installation")
    return README.read_text(encoding="utf-8")


def test_python_blocks_run_one_after_the_other(text, tmp_path, monkeypatch):
    # One of them keeps its results in a file.
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(blocks) == 6
    names = {}
    taus = []
    imagenet, own, *models, evaluation = blocks
    exec(compile(imagenet, "README.md", "exec"), names)
    ((low, high),) = names["interval"]
    assert 76 < low < names["accuracy"][0] < high < 84
    assert "deit_small_patch16_224.fb_in1k" in names["similar"]
    exec(compile(own, "README.md", "exec"), names)
    assert names["kendall_tau"](names["y"][121:], names["accuracy"]) > 0.75
    for block in models:
        exec(compile(block, "README.md", "exec"), names)
        predictions = names.get("search", names["model"]).predict(names["X"][121:])
        taus.append(names["kendall_tau"](names["y"][121:], predictions))
    assert taus[0] > 0.85
    assert taus[1] > 0.85
    assert taus[2] > 0.45
    assert names["search"].best_params_.keys() == {"knn__n_neighbors", "embedder__embedding_dim"}
    exec(compile(evaluation, "README.md", "exec"), names)
    trials = names["trials"]
    differences = names["compare_predictors"](trials, "trees on GRAF")["mean_difference"]
    assert (differences > 0).all()
    assert trials["error"].isna().all()
    assert (tmp_path / "trials.sqlite").is_file()
    assert np.shape(names["neighbors"]) == (3, 8)
    assert np.shape(names["std"]) == (3,)


def test_the_two_commands_are_there(text):
    commands = re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL)
    assert 'pip install -c constraints.txt -e ".[plot]" && emprox demo\n' in commands
    assert 'pip install -c constraints.txt -e ".[test]" && pytest\n' in commands
