"""``emprox rank``: the best of any number of architectures, from a file or drawn at random."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from typing import TYPE_CHECKING

import click

from ._csv_files import CsvStream, open_csv, read_csv
from ._model import learn, read_architectures
from ._options import (
    accuracy_column_option,
    architecture_column_option,
    chance_level_option,
    known_option,
    n_neighbors_option,
    output_option,
    random_state_option,
    recipe_option,
    space_option,
)
from ._predict import PREDICTED_COLUMNS

if TYPE_CHECKING:
    from ..spaces import SearchSpace

_EXAMPLE = """\b
Example: the best 100 of a million random cells.
  emprox rank --space nasbench201 --known known.csv \\
      --sample 1000000 --n-jobs 2 --output best.csv
\b
The best 10 of a file, for which known.csv begins with the line
architecture,accuracy and candidates.csv has the column architecture:
  emprox rank --space nasbench201 --known known.csv \\
      --candidates candidates.csv --top 10
"""
_COLUMNS = ("score", *PREDICTED_COLUMNS)


@click.command(epilog=_EXAMPLE)
@space_option
@known_option
@click.option(
    "--candidates",
    type=click.Path(allow_dash=True),
    help="CSV file of the architectures to rank; - is standard input.",
)
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    help="Instead of a file: how many architectures to draw from the space.",
)
@output_option
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="How many architectures to write.",
)
@click.option("--include-known", is_flag=True, help="Do not leave out known architectures.")
@click.option(
    "--skip-broken",
    is_flag=True,
    help="Leave out candidates that are no architectures of the space, and count them.",
)
@architecture_column_option
@accuracy_column_option
@recipe_option
@n_neighbors_option
@chance_level_option
@click.option(
    "--n-jobs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Number of processes.",
)
@random_state_option
def rank(
    space: SearchSpace,
    known: str,
    candidates: str | None,
    sample: int | None,
    output: str,
    top: int,
    include_known: bool,
    skip_broken: bool,
    architecture_column: str,
    accuracy_column: str,
    recipe: str,
    n_neighbors: int | None,
    chance_level: float | None,
    n_jobs: int,
    random_state: int,
) -> None:
    """Find the most promising of very many architectures.

    They come from a CSV file of any size, or are drawn at random from the search space. The
    output holds the best, the best first: all columns of the candidates and three columns more,
    which are score, what they are ranked by, and those that 'emprox predict' adds. Different
    descriptions of a network count as one, and known architectures are left out.
    """
    from ._output import check_output, write_csv

    if (candidates is None) == (sample is None):
        raise click.UsageError("Give either --candidates or --sample.")
    if known == candidates == "-":
        raise click.UsageError("Only one of --known and --candidates can be standard input.")
    check_output(output, known, *([] if candidates is None else [candidates]))
    known_file = read_csv(known)
    X_known = read_architectures(known_file, architecture_column, space)
    accuracies = known_file.numbers(accuracy_column, "--accuracy-column")

    with ExitStack() as stack:
        file = texts = None
        if candidates is not None:
            file = stack.enter_context(open_csv(candidates))
            texts = _read_column(file, architecture_column)
        model = learn(
            *(known_file, X_known, accuracies, space),
            *(recipe, n_neighbors, chance_level, random_state),
        )
        from ..search import rank_architectures
        from ..spaces import ArchitectureError

        try:
            ranking = rank_architectures(
                model,
                texts,
                n_architectures=sample,
                random_state=random_state,
                top=top,
                exclude=None if include_known else X_known,
                errors="skip" if skip_broken else "raise",
                n_jobs=n_jobs,
                verbose=int(sys.stderr.isatty()),
            )
        except ArchitectureError as error:
            if file is None or error.index is None:
                raise
            line, _ = next(islice(file.rows(), error.index, None))
            raise file.error(line, architecture_column, error.message) from error
        found = ranking.architectures
        std = model.predict(found, return_std=True)[1] if len(found) else ranking.scores
        columns = ranking.scores, ranking.predictions, std
        if file is None:
            header, rows = [architecture_column], [[text] for text in found]
        else:
            header, rows = file.header, _pick(file, ranking.indices.tolist())
    numbers = zip(*(column.tolist() for column in columns), strict=True)
    write_csv(
        output, [*header, *_COLUMNS], ([*row, *own] for row, own in zip(rows, numbers, strict=True))
    )
    click.echo(
        f"Ranked {ranking.n_candidates:,} architectures from {len(accuracies):,} known ones, and"
        f" wrote the best {len(found):,}.",
        err=True,
    )


def _read_column(file: CsvStream, column: str) -> Iterator[str]:
    """Go through the architectures in a file that has no column of a name that is needed."""
    for name in _COLUMNS:
        if name in file.header:
            raise file.error(file.header_line, name, "the output gets a column of this name")
    position = file.column(column, "--architecture-column")
    return (fields[position] for _, fields in file.rows())


def _pick(file: CsvStream, indices: list[int]) -> list[list[str]]:
    """Return rows of a file in the given order."""
    wanted = set(indices)
    last = max(indices, default=-1)
    numbered = enumerate(islice(file.rows(), last + 1))
    rows = {index: fields for index, (_, fields) in numbered if index in wanted}
    return [rows[index] for index in indices]
