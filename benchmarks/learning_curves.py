"""What the first epochs of a training say about its final accuracy, and what the architecture does.

Architectures are the NAS-Bench-201 cells of `emprox.datasets.load_digits_cells`, each trained for
12 epochs on scikit-learn's digits; the target is the test accuracy after the last. In each trial
121 of them are known, with their curves and final accuracies, and 1,000 others are predicted from
the epochs seen, drawn as `_protocol` says. Rows, all with Kendall's tau and the mean absolute error
(MAE) as means over the trials:

- SoTL-E and SoTL: training loss of the last epoch seen, and summed over all of them;
- early stopping: validation accuracy of the last epoch seen;
- LcSVR: on the validation accuracies, and on these with the size of the network, its numbers of
  parameters and multiply-adds;
- EmProx: on the architecture alone, which needs no training of what is predicted, and on structural
  properties with training losses and validation accuracies beside them.

An epoch seen costs one twelfth of the training of an architecture. Trials 0 to 19 are reported. On
100 to 105 of an unfinished table the combination was chosen: it ranked better than LcSVR with
EmProx's predictions as a further column after up to half of the epochs, and worse by .003 after all
of them; and LcSVR's 100 settings were compared with 30 and 300, of which these were hardly better.

Curve and target of a cell come from the same training, so that a curve also tells of its luck, of
which the architecture knows nothing. For comparison the last line says how well the mean test
accuracy of two trainings ranks a third with another seed, over the cells that were trained three
times.

Run: OMP_NUM_THREADS=1 python benchmarks/learning_curves.py [--trials 20] [--picture FILE]
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import click
import numpy as np
from _protocol import Problem, spread
from rich.console import Console
from rich.progress import track
from rich.table import Table

from emprox import EmProxRegressor, StructuralProperties
from emprox.datasets import load_digits_cells
from emprox.metrics import kendall_tau
from emprox.predictors import EarlyStoppingRegressor, LcSVR, SoTLERegressor

EPOCHS = (1, 2, 3, 4, 6, 9, 12)
ALONE = "EmProx, architecture alone"
# Colours after Okabe and Ito, which colour-blind readers can tell apart; markers and their filling.
STYLES = {
    "SoTL-E, last epoch": ("#E69F00", "o", "full"),
    "SoTL, all epochs": ("#E69F00", "s", "none"),
    "early stopping": ("#009E73", "^", "full"),
    "LcSVR": ("#CC79A7", "D", "full"),
    "LcSVR with size": ("#CC79A7", "v", "none"),
    "EmProx with curves": ("#0072B2", "o", "full"),
}


def make_cases(cells, properties, n_epochs, seed):
    """Yield name, unfitted model and matrix of every predictor that has seen so many epochs."""
    losses = cells.train_loss[:, :n_epochs]
    accuracies = cells.validation_accuracy[:, :n_epochs]
    size = np.column_stack([cells.parameters, cells.multiply_adds])
    yield "SoTL-E, last epoch", SoTLERegressor(1), losses
    yield "SoTL, all epochs", SoTLERegressor(None), losses
    yield "early stopping", EarlyStoppingRegressor(), accuracies
    yield "LcSVR", LcSVR(random_state=seed), accuracies
    svr = LcSVR(other_columns=2, random_state=seed)
    yield "LcSVR with size", svr, np.hstack([accuracies, size])
    emprox = EmProxRegressor(weights="kriging", random_state=seed)
    yield "EmProx with curves", emprox, np.hstack([properties, losses, accuracies])


def evaluate(model, X, y, known, candidates):
    """Fit once; return Kendall's tau and mean absolute error."""
    predictions = model.fit(X[known], y[known]).predict(X[candidates])
    return kendall_tau(y[candidates], predictions), np.abs(y[candidates] - predictions).mean()


def run(cells, epochs, trials):
    """Return the metrics, by predictor and number of epochs seen, then by trial."""
    # Standardised over all cells of the space, without any accuracy.
    properties = StructuralProperties(cells.space, standardize=True).fit_transform(cells.data)
    problem = Problem("digits", cells.space, cells.data, cells.target)
    results = defaultdict(dict)
    for trial in track(trials, "trials", console=Console(stderr=True), transient=True):
        drawn = problem.draw(trial)
        alone = EmProxRegressor(space=cells.space, weights="kriging", random_state=trial)
        results[ALONE, 0][trial] = evaluate(alone, cells.data, cells.target, *drawn)
        for n_epochs in epochs:
            for name, model, X in make_cases(cells, properties, n_epochs, trial):
                results[name, n_epochs][trial] = evaluate(model, X, cells.target, *drawn)
    return results


def make_table(results, metric, title, epochs, n_epochs_all):
    """Return the table of a metric, by its position in the results."""
    table = Table(title=title)
    table.add_column("epochs seen")
    for n_epochs in (0, *epochs):
        share = f"{100 * n_epochs / n_epochs_all:.0f} %"
        table.add_column(f"{n_epochs}\n{share}", justify="right", no_wrap=True)
    for name in (*STYLES, ALONE):
        row = []
        for n_epochs in (0, *epochs):
            values = {t: pair[metric] for t, pair in results.get((name, n_epochs), {}).items()}
            row.append(spread(values).replace(" ± ", "\n± ") if values else "")
        table.add_row(name, *row)
    return table


def between_seeds(cells):
    """Return how well the mean of all seeds but one ranks the test accuracies of that one."""
    accuracies = cells.repeated_test_accuracy
    others = [np.delete(accuracies, seed, axis=1) for seed in range(accuracies.shape[1])]
    return np.mean(
        [kendall_tau(y, x.mean(axis=1)) for y, x in zip(accuracies.T, others, strict=True)]
    )


def draw(results, epochs, n_epochs_all, other_seeds, path):
    """Save Kendall's tau against the share of the epochs seen."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
    shares = [100 * n_epochs / n_epochs_all for n_epochs in epochs]
    for name, (color, marker, filling) in STYLES.items():
        taus = np.array([[tau for tau, _ in results[name, n].values()] for n in epochs])
        style = {"color": color, "marker": marker, "fillstyle": filling, "capsize": 2}
        ax.errorbar(shares, taus.mean(axis=1), taus.std(axis=1, ddof=1), label=name, **style)
    alone = np.mean([tau for tau, _ in results[ALONE, 0].values()])
    ax.axhline(alone, color="black", linestyle="--", label=ALONE)
    ax.axhline(
        other_seeds, color="gray", linestyle=":", label="two other trainings of the same cells"
    )
    ax.set(xlabel="Epochs seen (%)", ylabel="Kendall's tau with the final test accuracy")
    ax.set(xlim=(0, 102), ylim=(min(0, ax.get_ylim()[0]), 1))
    ax.legend(loc="lower right", fontsize="small")
    figure.savefig(path, dpi=150)


@click.command()
@click.option("--trials", type=click.IntRange(2), default=20, show_default=True)
@click.option("--first-trial", default=0, show_default=True, help="Seed of the first trial.")
@click.option(
    "--epochs",
    type=click.IntRange(1),
    multiple=True,
    default=EPOCHS,
    show_default=True,
    help="After how many epochs to predict. May be repeated.",
)
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw Kendall's tau into this file, such as curves.png. Needs matplotlib.",
)
def main(trials: int, first_trial: int, epochs: tuple[int, ...], picture: Path | None) -> None:
    """Measure all predictors and print a table for each metric."""
    cells = load_digits_cells()
    n_epochs_all = cells.train_loss.shape[1]
    epochs = tuple(sorted(set(epochs)))
    if epochs[-1] > n_epochs_all:
        raise click.BadParameter(f"there are {n_epochs_all} epochs", param_hint="--epochs")
    results = run(cells, epochs, range(first_trial, first_trial + trials))
    other_seeds = between_seeds(cells)
    console = Console(width=120)
    for metric, title in enumerate(["Kendall's tau", "MAE (%)"]):
        console.print(make_table(results, metric, title, epochs, n_epochs_all))
    console.print(f"Kendall's tau of the mean of two other seeds: {other_seeds:.3f}")
    if picture is not None:
        draw(results, epochs, n_epochs_all, other_seeds, picture)


if __name__ == "__main__":
    main()
