"""``emprox rank``: the best of any number of architectures, from a file or drawn at random."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import Any

import click

from ._csv_files import CsvFile, open_csv
from ._model import PREDICTED_COLUMNS, Known
from ._options import file_options

_EXAMPLE = """\b
Example: the best 100 of a million random cells.
  emprox rank --space nasbench201 --known known.csv \\
      --sample 1000000 --n-jobs 2 --output best.csv
"""
_COLUMNS = ("score", *PREDICTED_COLUMNS)


@click.command(epilog=_EXAMPLE)
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
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="How many architectures to write.",
)
@click.option(
    "--skip-broken",
    is_flag=True,
    help="Leave out candidates that are no architectures of the space, and count them.",
)
@click.option(
    "--n-jobs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Number of processes.",
)
@file_options
def rank(
    known: Known,
    candidates: str | None,
    output: str,
    sample: int | None,
    top: int,
    skip_broken: bool,
    n_jobs: int,
    random_state: int,
    **parameters: Any,
) -> None:
    """Find the most promising of very many architectures.

    They come from a CSV file of any size, or are drawn at random from the search space. The
    output holds the best, the best first: all columns of the candidates and three columns more,
    which are score, what they are ranked by, and those that 'emprox predict' adds. Different
    descriptions of a network count as one, and known architectures are left out.
    """
    from ._output import write_csv

    if (candidates is None) == (sample is None):
        raise click.UsageError("Give either --candidates or --sample.")
    if sample is not None and known.space.is_catalogue:
        raise click.UsageError("Networks cannot be drawn at random: give --candidates.")
    with nullcontext() if candidates is None else open_csv(candidates) as file:
        if file is not None:
            file.refuse_columns(_COLUMNS)
            next(known.read(file, skip_broken))  # complain before learning
        model = known.learn(random_state=random_state, **parameters)
        from ..search import rank_architectures

        lines = () if file is None else (line for line, _ in file.rows())
        with known.explaining(file, lines):
            ranking = rank_architectures(
                model,
                None if file is None else (item for _, item in known.read(file, skip_broken)),
                n_architectures=sample,
                random_state=random_state,
                top=top,
                exclude=known.architectures,
                errors="skip" if skip_broken else "raise",
                n_jobs=n_jobs,
                verbose=int(sys.stderr.isatty()),
            )
        found = ranking.architectures
        std = model.predict(found, return_std=True)[1] if len(found) else ranking.scores
        if file is None:
            header, rows = [known.column], [[text] for text in found]
        else:
            header, rows = file.header, _pick(file, ranking.indices.tolist())
    columns = dict(zip(_COLUMNS, (ranking.scores, ranking.predictions, std), strict=True))
    write_csv(output, header, rows, columns)
    click.echo(
        f"Ranked {ranking.n_candidates:,} architectures from {len(known.accuracies):,} known"
        f" ones, and wrote the best {len(found):,}.",
        err=True,
    )


def _pick(file: CsvFile, indices: list[int]) -> list[list[str]]:
    """Return rows of a file in the given order."""
    wanted = set(indices)
    rows = {index: fields for index, (_, fields) in enumerate(file.rows()) if index in wanted}
    return [rows[index] for index in indices]
