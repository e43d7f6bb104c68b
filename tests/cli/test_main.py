import inspect
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import emprox
from emprox import make_emprox_pipeline
from emprox.cli import main

needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


@pytest.mark.parametrize("command", [[], *([name] for name in main.commands)])
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_has_an_example(run, command, option):
    result = run(*command, option)
    assert result.exit_code == 0
    before, _, example = result.stdout.partition("\n  Example:")
    assert before.startswith("Usage: ")
    assert f"    emprox {' '.join(command)}" in example
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_recipes_are_those_of_the_package(run):
    default = inspect.signature(make_emprox_pipeline).parameters["recipe"].default
    for command in ("predict", "rank"):
        (recipe,) = (option for option in main.commands[command].params if option.name == "recipe")
        assert recipe.default == default
        for choice in recipe.type.choices:
            make_emprox_pipeline("nasbench201", choice)


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        (UserWarning("set chance_level\nplease"), "Warning: set --chance-level please"),
        (ValueError("wrong\n number"), "Error: wrong number"),
        (OSError(28, "No space left", "new.csv"), "Error: new.csv: No space left"),
        (ImportError("pip install it"), "Error: pip install it"),
    ],
)
def test_what_goes_wrong_is_said_in_a_line(run, monkeypatch, problem, line):
    def go_wrong(space):
        if isinstance(problem, UserWarning):
            warnings.warn(problem, stacklevel=2)
        else:
            raise problem

    monkeypatch.setattr(main.commands["spaces"], "callback", go_wrong)
    before = warnings.showwarning
    assert run("spaces").stderr == f"{line}\n"
    assert warnings.showwarning is before


def test_interrupted(run, monkeypatch):
    def interrupt(space):
        raise KeyboardInterrupt

    monkeypatch.setattr(main.commands["spaces"], "callback", interrupt)
    result = run("spaces")
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "\nInterrupted.\n")


def test_reader_that_has_seen_enough(start):
    process = start("spaces", stdout=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 1


@needs_dev_full
def test_full_disk(start):
    with Path("/dev/full").open("wb") as full:
        process = start("spaces", stdout=full)
        error = process.stderr.read().decode()
    assert error == "Error: standard output: No space left on device\n"
    assert process.wait() == 1


@pytest.mark.parametrize(
    ("arguments", "slow"),
    [(["--help"], "sklearn"), (["rank", "-h"], "sklearn"), (["spaces"], "torch")],
)
def test_is_quick_because_little_is_imported(arguments, slow):
    code = (
        "import sys; from emprox.cli import main; main(sys.argv[1:], standalone_mode=False);"
        f" sys.exit('{slow}' in sys.modules)"
    )
    folder = Path(emprox.__file__).parents[1]
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=folder, capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout
