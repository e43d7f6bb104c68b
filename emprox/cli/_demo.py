"""``emprox demo``: the whole way from known accuracies to predictions, on bundled data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..utils._files import replacing
from ._options import random_state_option

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_EXAMPLE = """\b
Example: more known cells, and another draw.
  emprox demo --n-known 500 --random-state 1
"""
_N_CANDIDATES = 1000


@click.command(epilog=_EXAMPLE)
@click.option(
    "--output",
    default="emprox-demo",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the pictures.",
)
@click.option(
    "--n-known",
    type=click.IntRange(10, 10_000),
    default=121,
    show_default=True,
    help="Number of cells whose accuracy is known.",
)
@random_state_option
def demo(output: Path, n_known: int, random_state: int) -> None:
    """Predict real accuracies, and compare.

    Cells of NAS-Bench-201 are drawn at random from the data that come with emprox. The accuracies
    of some are shown to the model, those of the others are predicted and compared with the true
    ones. What the method as published makes of the same cells stands beside it. Two pictures go
    into the output folder.
    """
    from ._output import can_draw, echo

    if draw := can_draw():
        output.mkdir(parents=True, exist_ok=True)

    from sklearn.model_selection import train_test_split

    from .. import make_emprox_pipeline
    from ..datasets import load_nasbench201

    X, y = load_nasbench201(return_X_y=True)
    cells, candidates, accuracies, true = train_test_split(
        X, y, train_size=n_known, test_size=_N_CANDIDATES, random_state=random_state
    )
    echo(
        f"{n_known:,} cells of NAS-Bench-201 with known accuracy, {_N_CANDIDATES:,} others to"
        " predict.\n"
        "Data: CIFAR-10 accuracies of AnalogNAS-Bench, its digital baseline. They come\n"
        "with emprox, and are not the official ones of NAS-Bench-201.\n"
    )
    predictions = {}
    # The method as published does not use what a guess among ten classes is worth.
    for recipe, chance_level in (("paper", None), ("best", 10)):
        model = make_emprox_pipeline(
            "nasbench201",
            recipe,
            chance_level=chance_level,
            verbose=int(sys.stderr.isatty()),
            random_state=random_state,
        )
        predictions[recipe] = model.fit(cells, accuracies).predict(candidates)
    _report(candidates, true, predictions)
    if draw:
        _draw(true, predictions[recipe], model.transform(candidates), output)


def _report(cells: NDArray[Any], true: Floats, predictions: dict[str, Floats]) -> None:
    from ..metrics import regression_report
    from ._output import echo, print_table

    reports = [regression_report(true, predicted, k=10) for predicted in predictions.values()]
    names = [name.replace("_k", " 10").replace("_", " ") for name in reports[0]]
    columns = [[f"{value:.3f}" for value in report.values()] for report in reports]
    rows = list(zip(names, *columns, strict=True))
    print_table({"metric": "left", **dict.fromkeys(predictions, "right")}, rows)
    predicted = predictions["best"]
    best = (-predicted).argsort(kind="stable")[:10].tolist()
    rows = [
        (cells[i], f"{predicted[i]:.2f}", f"{true[i]:.2f}", f"{1 + (true > true[i]).sum():,}")
        for i in best
    ]
    echo("\nThe 10 best predicted cells, and the rank of their true accuracy:\n")
    print_table({"cell": "left", **dict.fromkeys(("predicted", "true", "rank"), "right")}, rows)


def _draw(true: Floats, predicted: Floats, vectors: Floats, output: Path) -> None:
    from matplotlib.figure import Figure

    from ..inspection import EmbeddingDisplay, RankAgreementDisplay
    from ._output import echo

    paths = [output / "predicted-against-true.png", output / "embedding.png"]
    figures = {path: Figure((6.5, 6), layout="constrained") for path in paths}
    agreement, embedding = (figure.subplots() for figure in figures.values())
    RankAgreementDisplay.from_predictions(true, predicted, ax=agreement)
    EmbeddingDisplay.from_embedding(vectors, true, random_state=0, ax=embedding)
    for path, figure in figures.items():
        title = f"{len(true):,} unseen cells of NAS-Bench-201 (data: AnalogNAS-Bench)"
        figure.axes[0].set_title(title, fontsize="medium")
        with replacing(path) as temporary:
            figure.savefig(temporary, dpi=150)
    echo("\n".join(["\nPictures:", *(f"  {path}" for path in figures)]))
