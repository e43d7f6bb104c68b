"""``emprox demo``: the whole way from known accuracies to predictions, on bundled data."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from ._options import n_neighbors_option, random_state_option, recipe_option

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_EXAMPLE = """\b
Example: more known cells, and another draw.
  emprox demo --n-known 500 --random-state 1
"""
# What the recipe is compared with: the method as published.
_PUBLISHED = "paper"
_POINTS = "percentage points, 0 is best"
_UNITS = {
    "mean_absolute_error": _POINTS,
    "root_mean_squared_error": _POINTS,
    "regret_at_k": _POINTS,
}


@dataclass(frozen=True)
class _Result:
    """A fitted model, and what it predicts for the candidates."""

    recipe: str
    model: Any
    cells: NDArray[Any]
    true: NDArray[np.float64]
    predicted: NDArray[np.float64]
    fit_seconds: float
    query_seconds: float


@click.command(epilog=_EXAMPLE)
@click.option(
    "--output",
    default="emprox-demo",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the pictures.",
)
@recipe_option
@click.option(
    "--n-known",
    type=click.IntRange(min=10),
    default=121,
    show_default=True,
    help="Number of cells whose accuracy is known.",
)
@click.option(
    "--n-candidates",
    type=click.IntRange(min=10),
    default=1000,
    show_default=True,
    help="Number of cells to predict.",
)
@n_neighbors_option
@random_state_option
@click.option("--no-plots", is_flag=True, help="Draw no pictures.")
def demo(
    output: Path,
    recipe: str,
    n_known: int,
    n_candidates: int,
    n_neighbors: int | None,
    random_state: int,
    no_plots: bool,
) -> None:
    """Predict real accuracies, and compare.

    Cells of NAS-Bench-201 are drawn at random from the data that come with emprox. The accuracies
    of some are shown to the model, those of the others are predicted and compared with the true
    ones. What the method as published makes of the same cells stands beside it. Two pictures go
    into the output folder.
    """
    if n_neighbors is not None and n_neighbors > n_known:
        raise click.UsageError(f"--n-neighbors {n_neighbors} is more than --n-known {n_known}.")
    from ._output import can_draw, echo, make_folder

    draw = not no_plots and can_draw()
    if draw:
        make_folder(output)

    import numpy as np

    from ..datasets import load_nasbench201

    X, y = load_nasbench201(return_X_y=True)
    if n_known + n_candidates > len(X):
        raise click.UsageError(
            f"--n-known and --n-candidates are {n_known + n_candidates:,} cells together,"
            f" but there are only {len(X):,}."
        )
    echo(
        f"{n_known:,} cells of NAS-Bench-201 with known accuracy, {n_candidates:,} others to"
        " predict.\n"
        "Data: CIFAR-10 accuracies of AnalogNAS-Bench, its digital baseline. They come\n"
        "with emprox, and are not the official ones of NAS-Bench-201."
    )
    order = np.random.default_rng(random_state).permutation(len(X))[: n_known + n_candidates]
    known, candidates = order[:n_known], order[n_known:]
    parameters = {"n_neighbors": n_neighbors, "random_state": random_state}
    # The published method takes a while; what it is compared with comes first.
    recipes = dict.fromkeys([recipe, _PUBLISHED])
    results = [
        _run(name, parameters, X[known], y[known], X[candidates], y[candidates]) for name in recipes
    ]
    _print_metrics(results)
    _print_best(results[0], y)
    if draw:
        _draw(results[0], output, random_state)


def _run(
    recipe: str,
    parameters: dict[str, Any],
    X_known: NDArray[Any],
    y_known: NDArray[np.float64],
    X: NDArray[Any],
    y: NDArray[np.float64],
) -> _Result:
    from ._output import status

    with status("Loading"):
        from .. import make_emprox_pipeline

    verbose = int(sys.stderr.isatty())
    # That a cell without a path answers one of ten classes by chance is known; the paper's method
    # does not use it.
    chance_level = None if recipe == _PUBLISHED else 10
    model = make_emprox_pipeline(
        "nasbench201", recipe, chance_level=chance_level, verbose=verbose, **parameters
    )
    start = perf_counter()
    model.fit(X_known, y_known)
    fitted = perf_counter()
    predicted = model.predict(X)
    return _Result(recipe, model, X, y, predicted, fitted - start, perf_counter() - fitted)


def _print_metrics(results: list[_Result]) -> None:
    from ..metrics import regression_report
    from ._output import echo, print_table

    n_candidates = len(results[0].cells)
    reports = [regression_report(result.true, result.predicted, k=10) for result in results]
    rows = [
        (
            re.sub("_k$", " 10", name).replace("_", " ").capitalize(),
            *(f"{report[name]:.3f}" for report in reports),
            _UNITS.get(name, "1 is best"),
        )
        for name in reports[0]
    ]
    each, total = (
        [f"{1000 * n / n_candidates * result.query_seconds:.0f}" for result in results]
        for n in (1000, n_candidates)
    )
    rows += [
        ("Fit", *(f"{result.fit_seconds:.2f}" for result in results), "seconds"),
        ("Query, per 1,000 cells", *each, "milliseconds"),
        (f"Query, all {n_candidates:,} cells", *total, "milliseconds"),
    ]
    echo("")
    recipes = [f"Recipe\n{result.recipe}" for result in results]
    print_table({"Metric": "left", **dict.fromkeys(recipes, "right"), "Unit": "left"}, rows)


def _print_best(result: _Result, all_accuracies: NDArray[np.float64]) -> None:
    import numpy as np

    from ._output import echo, print_table, terminal_width

    groups = (result.true, all_accuracies)
    numbers = ["Predicted\n%", "True\n%", *(f"Rank in\n{len(group):,}" for group in groups)]
    width = terminal_width()
    if width is not None:  # Each number takes the width of its heading and a blank.
        width -= sum(1 + max(map(len, heading.split("\n"))) for heading in numbers)
    best = np.argsort(-result.predicted, kind="stable")[:10]
    rows = []
    for index in best:
        true = result.true[index]
        ranks = [f"{1 + np.count_nonzero(group > true):,}" for group in groups]
        cell = _break(result.cells[index], width)
        rows.append((cell, f"{result.predicted[index]:.2f}", f"{true:.2f}", *ranks))
    echo(
        "\nThe 10 best predicted cells, and the rank of their true accuracy among the\n"
        "candidates and among all cells:\n"
    )
    print_table({"Cell": "left", **dict.fromkeys(numbers, "right")}, rows)


def _break(cell: str, width: int | None) -> str:
    """Break the text of a cell that is too long for a line, between its nodes if they fit."""
    if width is None:
        return cell
    nodes = _join(re.split(r"(?=\+)", cell), width)
    operations = (re.split(r"(?<=\|)(?=\w)", line) for line in nodes)
    return "\n".join(line for pieces in operations for line in _join(pieces, width))


def _join(pieces: list[str], width: int) -> list[str]:
    """Join pieces to lines that are no longer than the width, unless a single piece is."""
    lines = [""]
    for piece in pieces:
        if lines[-1] and len(lines[-1] + piece) > width:
            lines.append("")
        lines[-1] += piece
    return lines


def _draw(result: _Result, output: Path, random_state: int) -> None:
    from matplotlib.figure import Figure
    from sklearn.pipeline import Pipeline

    from ..inspection import EmbeddingDisplay, RankAgreementDisplay
    from ._output import echo, replacing, status

    title = f"{len(result.cells):,} unseen cells of NAS-Bench-201 (data: AnalogNAS-Bench)"
    paths = [output / "predicted-against-true.png", output / "embedding.png"]
    figures = [Figure(figsize, layout="constrained") for figsize in [(6, 6), (7, 6)]]
    with status("Drawing"):
        agreement, embedding = (figure.subplots() for figure in figures)
        RankAgreementDisplay.from_predictions(result.true, result.predicted, ax=agreement)
        vectors = Pipeline(result.model.steps[:-1]).transform(result.cells)
        EmbeddingDisplay.from_embedding(
            vectors, result.true, random_state=random_state, ax=embedding
        )
        for ax, figure, path in zip((agreement, embedding), figures, paths, strict=True):
            ax.set_title(title, fontsize="medium")
            with replacing(path) as temporary:
                figure.savefig(temporary, dpi=150)
    echo("\n".join(["\nPictures:", *(f"  {path}" for path in paths)]))
