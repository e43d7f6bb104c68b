"""``emprox reproduce``: the paper's experiments, on the nearest data at hand."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..reproduction import Experiment, Report
    from ..reproduction._experiment import Data, Run

# What emprox.reproduction.list_experiments returns; asking it would import numpy.
EXPERIMENTS = ("table1", "table2", "darts", "grid-search", "figure5")

_EXAMPLE = """\b
Example: Table 1, with the predictors that take no more than seconds.
  emprox reproduce table1 --predictors emprox-k10,xgb,emprox-best
\b
As the paper did it, with 100 predicted cells, on two processors.
  emprox reproduce table1 --test-size 100 --n-jobs 2
"""
_WIDTH = 80


def _split(ctx: click.Context, param: click.Parameter, texts: Sequence[str]) -> list[str] | None:
    """Split what is separated by commas."""
    parts = [part.strip() for text in texts for part in text.split(",")]
    if not parts:
        return None
    if not all(parts):
        raise click.BadParameter(f"{','.join(texts)!r} has an empty part")
    return parts


def _to_sizes(ctx: click.Context, param: click.Parameter, texts: Sequence[str]) -> list[int] | None:
    parts = _split(ctx, param, texts)
    if parts is None:
        return None
    for part in parts:
        if not (part.isdecimal() and int(part) > 0):
            raise click.BadParameter(f"{part!r} is not a whole number above 0")
    return [int(part) for part in parts]


@click.command(epilog=_EXAMPLE)
@click.argument("experiment", type=click.Choice(EXPERIMENTS))
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the results.  [default: emprox-reproduction/EXPERIMENT]",
)
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    help="Number of trials.  [default: 20; 10 for grid-search, 1 for figure5]",
)
@click.option(
    "--first-trial",
    type=click.IntRange(0, 2**32 - 1),
    help="Number of the first trial, which is its seed.  [default: 0; 100 for grid-search]",
)
@click.option(
    "--train-size",
    "--train-sizes",
    "train_sizes",
    multiple=True,
    callback=_to_sizes,
    metavar="N,...",
    help="Number of known architectures, or several separated by commas.  [default: 121]",
)
@click.option(
    "--test-size",
    type=click.IntRange(min=10),
    help="Number of predicted architectures; the paper has 100, which gives the same means with"
    " three times the noise.  [default: 1000; 78 for darts]",
)
@click.option(
    "--predictors",
    multiple=True,
    callback=_split,
    metavar="NAME,...",
    help="Only these predictors, separated by commas. A wrong name lists all.",
)
@click.option(
    "--data-home",
    type=click.Path(file_okay=False),
    help="Folder with benchmark files.  [default: emprox's folder for downloads]",
)
@click.option("--no-download", is_flag=True, help="Download no benchmark file.")
@click.option(
    "--n-jobs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Number of processes. Times are only comparable with one.",
)
@click.option("--no-plots", is_flag=True, help="Draw no pictures.")
def reproduce(
    experiment: str,
    output: Path | None,
    trials: int | None,
    first_trial: int | None,
    train_sizes: list[int] | None,
    test_size: int | None,
    predictors: list[str] | None,
    data_home: str | None,
    no_download: bool,
    n_jobs: int,
    no_plots: bool,
) -> None:
    """Do an experiment of the paper.

    EXPERIMENT is table1 (predictors compared on CIFAR-10), table2 (on CIFAR-100), darts
    (sequences of 629 tokens), grid-search (size of the embedding and number of neighbours) or
    figure5 (the embedding as a map). It runs on the nearest data at hand: official accuracies
    where they can be had, else others that come with emprox. Which these are, and how they
    differ from the paper's, is said first.

    The output folder gets report.html, report.md, results.csv and pictures. All of Table 1 takes
    an hour or more. Every result is kept in trials.jsonl as soon as it is there: when the
    command was stopped, or killed, the same command goes on where it was.
    """
    from ..reproduction import get_experiment
    from ._output import can_draw, make_folder

    chosen = get_experiment(experiment)
    try:
        chosen.choose(predictors)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--predictors") from error
    folder = output or Path("emprox-reproduction") / experiment
    data = _load(chosen, data_home, not no_download)
    draw = not no_plots and can_draw()
    _print_notice(chosen, data)
    make_folder(folder)
    results_file = folder / "trials.jsonl"
    try:
        run = chosen.run(
            data,
            predictors=predictors,
            n_trials=trials,
            first_trial=first_trial,
            train_sizes=train_sizes,
            test_size=test_size,
            n_jobs=n_jobs,
            results_file=results_file,
            verbose=int(sys.stderr.isatty()),
        )
    except ValueError as error:
        raise click.ClickException(_for_the_command(str(error))) from error
    except OSError as error:
        what = str(error) if error.strerror is None else f"{results_file}: {error.strerror}"
        raise click.ClickException(_for_the_command(what)) from error
    report = chosen.report(run, plots=draw)
    paths = _write(folder, report, run)
    _print_summary(report, paths)


def _load(experiment: Experiment, data_home: str | None, download: bool) -> Data:
    from ._output import status

    try:
        with status("Loading"):
            return experiment.load(data_home, download=download)
    except (OSError, ImportError) as error:
        raise click.ClickException(str(error)) from error


def _for_the_command(message: str) -> str:
    """Say what the argument of the function is called on the command line."""
    return message.replace("choose another results_file", "choose another folder with --output")


def _write(folder: Path, report: Report, run: Run) -> list[Path]:
    """Write all files, none of them by halves; return where they are."""
    from ._output import output_error, replacing

    contents = {
        **{picture.filename: picture.png for picture in report.pictures},
        "report.md": report.to_markdown().encode(),
        "report.html": report.to_html().encode(),
    }
    for name, content in contents.items():
        with replacing(folder / name) as temporary:
            temporary.write_bytes(content)
    try:
        run.evaluation.to_csv(folder / "results.csv")
    except OSError as error:
        raise output_error(str(folder / "results.csv"), error) from error
    return [folder / name for name in ("report.html", "report.md", "results.csv")]


def _wrap(text: str, first: str = "", others: str = "") -> str:
    """Break a text into lines, but no address in it, which is to be copied."""
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _print_notice(experiment: Experiment, data: Data) -> None:
    from ..reproduction._report import Bullets, Text
    from ._output import echo

    echo(f"{experiment.title}\n")
    for block in data.notice():
        if isinstance(block, Text):
            echo(_wrap(block.text))
        elif isinstance(block, Bullets):
            for item in block.items:
                echo(_wrap(item, "- ", "  "))


def _print_summary(report: Report, paths: list[Path]) -> None:
    from ..reproduction._report import Bullets, Table, Text
    from ._output import echo, print_table

    for section in report.sections:
        if not section.is_summary:
            continue
        echo(f"\n{section.heading}\n")
        for block in section.blocks:
            if isinstance(block, Text):
                echo(f"{_wrap(block.text)}\n")
            elif isinstance(block, Bullets):
                for item in block.items:
                    echo(_wrap(item, "- ", "  "))
            elif isinstance(block, Table):
                print_table(
                    {
                        column: "left" if number < block.n_texts else "right"
                        for number, column in enumerate(block.columns)
                    },
                    block.rows,
                )
    echo("\n".join(["\nMore in:", *(f"  {path}" for path in paths)]))
