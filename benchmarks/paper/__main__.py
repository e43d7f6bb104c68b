"""The paper's experiments, on the nearest data at hand: ``python -m benchmarks.paper table1``.

The folder of the results gets CSV files and pictures. All of table 1 takes an hour or more; every
finished trial is kept, so that the same command goes on where it was stopped.
"""

from __future__ import annotations

from pathlib import Path

import click
import pandas as pd

from . import figure5, grid_search
from .experiment import Experiment, report
from .tables import DARTS, TABLE1, TABLE2

EXPERIMENTS: dict[str, Experiment] = {
    "table1": TABLE1,
    "table2": TABLE2,
    "darts": DARTS,
    "grid-search": grid_search.GRID_SEARCH,
    "figure5": figure5.FIGURE5,
}


@click.command(help=__doc__)
@click.argument("experiment", type=click.Choice(list(EXPERIMENTS)))
@click.option("--predictors", help="Only these, separated by commas.")
@click.option("--trials", type=click.IntRange(min=1), help="Number of trials.")
@click.option("--data-home", type=click.Path(path_type=Path), help="Where the data lies.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--results", type=click.Path(path_type=Path), help="SQLite file of the trials.")
@click.option("--n-jobs", type=int, help="Trials at a time. Times are only comparable with one.")
def main(
    experiment: str,
    predictors: str | None,
    trials: int | None,
    data_home: Path | None,
    output: Path | None,
    results: Path | None,
    n_jobs: int | None,
) -> None:
    """Run an experiment, and print what was measured beside what the paper has."""
    chosen = EXPERIMENTS[experiment]
    names = predictors.split(",") if predictors else []
    if unknown := sorted(set(names) - set(chosen.predictors)):
        raise click.BadParameter(f"no {unknown[0]}; there are {', '.join(chosen.predictors)}")
    folder = output or Path("emprox-reproduction", experiment)
    folder.mkdir(parents=True, exist_ok=True)
    data = chosen.load(data_home)
    click.echo("\n- ".join([f"{chosen.title}\n\nData: {data.source}.", *data.remarks]))
    found = chosen.run(
        data,
        names=names,
        n_trials=trials,
        results=results or folder / "trials.sqlite",
        n_jobs=n_jobs,
    )
    found.to_csv(folder / "trials.csv", index=False)
    if experiment == "figure5":
        tables = figure5.report(found, chosen, folder, data)
    elif experiment == "grid-search":
        tables = grid_search.report(found, chosen, folder)
    else:
        tables = report(found, chosen, folder)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv")
        with pd.option_context("display.max_colwidth", None):
            click.echo(f"\n{table.to_string(index=name in ('numbers', 'neighbours'), na_rep='-')}")
    reasons = chosen.reasons(list(found["predictor"].unique()))
    click.echo("\n- ".join(["\nWhy numbers differ:", *reasons]))
    click.echo(f"\nTables and pictures are in {folder}.")


if __name__ == "__main__":
    main()
