"""``emprox predict``: predictions for the architectures in a file."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ._csv_files import CsvFile, read_csv
from ._options import n_neighbors_option, random_state_option, recipe_option, to_space

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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
@click.option(
    "--space", required=True, callback=to_space, help="Search space; see 'emprox spaces'."
)
@click.option(
    "--known",
    required=True,
    type=click.Path(allow_dash=True),
    help="CSV file of architectures with their accuracies; - is standard input.",
)
@click.option(
    "--candidates",
    required=True,
    type=click.Path(allow_dash=True),
    help="CSV file of the architectures to predict; - is standard input.",
)
@click.option(
    "--output",
    default="-",
    show_default=True,
    type=click.Path(allow_dash=True),
    help="CSV file to write; - is standard output.",
)
@click.option(
    "--architecture-column",
    default="architecture",
    show_default=True,
    help="Column of both files that holds the architectures.",
)
@click.option(
    "--accuracy-column",
    default="accuracy",
    show_default=True,
    help="Column of the known file that holds the accuracies.",
)
@recipe_option
@n_neighbors_option
@random_state_option
def predict(
    space: SearchSpace,
    known: str,
    candidates: str,
    output: str,
    architecture_column: str,
    accuracy_column: str,
    recipe: str,
    n_neighbors: int,
    random_state: int,
) -> None:
    """Predict the accuracies of architectures in a CSV file.

    The output has all rows and columns of the candidates and two columns more, in the unit of
    the known accuracies: predicted_accuracy, and predicted_std, which is how much the known
    neighbours of the candidate disagree.
    """
    if known == candidates == "-":
        raise click.UsageError("Only one of --known and --candidates can be standard input.")
    _check_output(output, known, candidates)

    known_file, candidates_file = read_csv(known), read_csv(candidates)
    for column in PREDICTED_COLUMNS:
        if column in candidates_file.header:
            raise candidates_file.error(-1, column, "the output gets a column of this name")
    X_known = _read_architectures(known_file, architecture_column, space)
    accuracies = known_file.numbers(accuracy_column, "--accuracy-column")
    X = _read_architectures(candidates_file, architecture_column, space)
    if len(accuracies) < n_neighbors:
        raise click.ClickException(
            f"{known_file.name}: {len(accuracies)} known architecture(s) are too few for"
            f" --n-neighbors {n_neighbors}; add some, or lower --n-neighbors"
        )

    from ._output import status

    with status(f"Learning from {len(accuracies):,} known architectures"):
        from .. import EmProxRegressor

        model = EmProxRegressor(
            n_neighbors, space=space, recipe=recipe, random_state=random_state
        ).fit(X_known, accuracies)
        predictions = model.predict(X, return_std=True)
    _write(output, _to_csv(candidates_file, *predictions))
    click.echo(f"Predicted {len(X):,} architectures from {len(accuracies):,} known ones.", err=True)


def _check_output(output: str, *inputs: str) -> None:
    """Refuse an output that cannot be written, before time is spent on it."""
    path = Path(output)
    if path.is_dir():
        raise click.ClickException(f"{output} is a folder, not a file")
    if output == "-" or _is_device(path):
        return
    if not os.access(path.resolve().parent, os.W_OK):
        raise click.ClickException(
            f"{output} cannot be written: its folder does not exist or is not writable"
        )
    for source in inputs:
        try:
            same = path.is_file() and path.samefile("/dev/stdin" if source == "-" else source)
        except OSError:
            continue  # Reading the input will say what is wrong with it.
        if same:
            raise click.ClickException(f"{output} is an input too; write to another file")


def _is_device(path: Path) -> bool:
    """Say whether there is something that must not be replaced by a file, such as a pipe."""
    return path.exists() and not path.is_file()


def _read_architectures(file: CsvFile, column: str, space: SearchSpace) -> NDArray[np.int64]:
    """Return the decision matrix of a column of architectures."""
    from ..spaces import ArchitectureError

    texts = file.texts(column, "--architecture-column")
    try:
        return space.encode(texts)
    except ArchitectureError as error:
        if error.index is None:
            raise
        raise file.error(error.index, column, error.message) from error


def _to_csv(candidates: CsvFile, *predictions: Any) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*candidates.header, *PREDICTED_COLUMNS])
    columns = (column.tolist() for column in predictions)
    for row, *values in zip(candidates.rows, *columns, strict=True):
        writer.writerow([*row, *values])
    return text.getvalue().encode()


def _write(output: str, data: bytes) -> None:
    from ._output import echo, output_error, replacing

    path = Path(output)
    if output == "-":
        echo(data, nl=False)
    elif _is_device(path):
        try:
            path.write_bytes(data)
        except OSError as error:
            raise output_error(output, error) from error
    else:
        with replacing(path) as temporary:
            temporary.write_bytes(data)
