"""``emprox predict``: predictions for the architectures in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._csv_files import read_csv
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

if TYPE_CHECKING:
    from ..spaces import SearchSpace

_EXAMPLE = """\b
Example: known.csv begins with the line architecture,accuracy.
  emprox predict --space nasbench201 --known known.csv \\
      --candidates candidates.csv --output predictions.csv
\b
The same in a pipe:
  zcat candidates.csv.gz | emprox predict --space nasbench201 \\
      --known known.csv --candidates - | gzip > predictions.csv.gz
"""
PREDICTED_COLUMNS = ("predicted_accuracy", "predicted_std")


@click.command(epilog=_EXAMPLE)
@space_option
@known_option
@click.option(
    "--candidates",
    required=True,
    type=click.Path(allow_dash=True),
    help="CSV file of the architectures to predict; - is standard input.",
)
@output_option
@architecture_column_option
@accuracy_column_option
@recipe_option
@n_neighbors_option
@chance_level_option
@random_state_option
def predict(
    space: SearchSpace,
    known: str,
    candidates: str,
    output: str,
    architecture_column: str,
    accuracy_column: str,
    recipe: str,
    n_neighbors: int | None,
    chance_level: float | None,
    random_state: int,
) -> None:
    """Predict the accuracies of architectures in a CSV file.

    The output has all rows and columns of the candidates and two columns more, in the unit of
    the known accuracies: predicted_accuracy, and predicted_std, which is about how far the
    prediction is off.
    """
    from ._output import check_output, status, write_csv

    if known == candidates == "-":
        raise click.UsageError("Only one of --known and --candidates can be standard input.")
    check_output(output, known, candidates)

    known_file, candidates_file = read_csv(known), read_csv(candidates)
    for column in PREDICTED_COLUMNS:
        if column in candidates_file.header:
            raise candidates_file.error(-1, column, "the output gets a column of this name")
    X_known = read_architectures(known_file, architecture_column, space)
    accuracies = known_file.numbers(accuracy_column, "--accuracy-column")
    X = read_architectures(candidates_file, architecture_column, space)
    model = learn(
        *(known_file, X_known, accuracies, space),
        *(recipe, n_neighbors, chance_level, random_state),
    )
    with status(f"Predicting {len(X):,} architectures"):
        mean, std = model.predict(X, return_std=True)
    rows = zip(candidates_file.rows, mean.tolist(), std.tolist(), strict=True)
    write_csv(
        output,
        [*candidates_file.header, *PREDICTED_COLUMNS],
        ([*row, *numbers] for row, *numbers in rows),
    )
    click.echo(f"Predicted {len(X):,} architectures from {len(accuracies):,} known ones.", err=True)
