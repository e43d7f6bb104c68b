"""``emprox predict``: predictions for the architectures in a file."""

from __future__ import annotations

from typing import Any

import click

from ._csv_files import open_csv
from ._model import PREDICTED_COLUMNS, Known
from ._options import file_options

_EXAMPLE = """\b
Example: known.csv begins with the line architecture,accuracy.
  emprox predict --space nasbench201 --known known.csv \\
      --candidates candidates.csv --output predictions.csv
\b
Decisions of your own, here with the header kernel,depth,accuracy:
  emprox predict --space sequence --known known.csv \\
      --candidates candidates.csv
\b
PyTorch networks of your own: the column architecture holds names, and
build(name) in my_models.py returns the module of each.
  emprox predict --networks my_models:build --input-shape 1,3,32,32 \\
      --known known.csv --candidates candidates.csv
"""


@click.command(epilog=_EXAMPLE)
@click.option(
    "--candidates",
    required=True,
    type=click.Path(allow_dash=True),
    help="CSV file of the architectures to predict; - is standard input.",
)
@file_options
def predict(known: Known, candidates: str, output: str, **parameters: Any) -> None:
    """Predict the accuracies of architectures in a CSV file.

    The output has all rows and columns of the candidates and two columns more, in the unit of
    the known accuracies: predicted_accuracy, and predicted_std, which is about how far the
    prediction is off.
    """
    from ..spaces._transformer import read_listed
    from ._output import status, write_csv

    with open_csv(candidates) as file:
        file.refuse_columns(PREDICTED_COLUMNS)
        rows = [fields for _, fields in file.rows()]
        numbered = list(known.read(file))
    model = known.learn(**parameters)
    with status(f"Predicting {len(rows):,} architectures"):
        architectures = [architecture for _, architecture in numbered]
        with known.explaining(file, (line for line, _ in numbered)):
            space, decisions = read_listed(model.space_, architectures)
        X = decisions if space is model.space_ else architectures
        predictions = model.predict(X, return_std=True)
    write_csv(output, file.header, rows, dict(zip(PREDICTED_COLUMNS, predictions, strict=True)))
    n_known = len(known.accuracies)
    click.echo(f"Predicted {len(rows):,} architectures from {n_known:,} known ones.", err=True)
