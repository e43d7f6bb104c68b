"""``emprox demo``: the whole way from known accuracies to predictions, on bundled data."""

from __future__ import annotations

import sys
from collections.abc import Sequence
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
_SHARE_OF_FAMILIES = 0.3
_N_BEST = 10


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

    First the ImageNet accuracies of networks that people use, each from those of other families
    alone, which are drawn at random. Then cells of NAS-Bench-201: the accuracies of some are shown
    to the model, those of the others are predicted, and what the method as published makes of the
    same cells stands beside it. All data come with emprox. Three pictures go into the output
    folder.
    """
    from ._output import can_draw, echo

    if draw := can_draw():
        output.mkdir(parents=True, exist_ok=True)

    networks = _predict_networks(random_state)

    from sklearn.model_selection import train_test_split

    from .. import make_emprox_pipeline
    from ..datasets import load_nasbench201

    X, y = load_nasbench201(return_X_y=True)
    cells, candidates, accuracies, true = train_test_split(
        X, y, train_size=n_known, test_size=_N_CANDIDATES, random_state=random_state
    )
    echo(
        f"\n\n{n_known:,} cells of NAS-Bench-201 with known accuracy, {_N_CANDIDATES:,} others to"
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
    _report(candidates, true, predictions, "cell")
    if draw:
        _draw(networks, (true, predictions[recipe], model.transform(candidates)), output)


def _predict_networks(random_state: int) -> tuple[Floats, Floats]:
    """Predict real networks from those of other families; return true and predicted accuracies."""
    from sklearn.model_selection import GroupShuffleSplit

    from .. import EmProxRegressor
    from ..datasets import load_imagenet_networks
    from ._output import echo

    data: Any = load_imagenet_networks()
    split = GroupShuffleSplit(1, test_size=_SHARE_OF_FAMILIES, random_state=random_state)
    ((known, new),) = split.split(data.data, groups=data.family)
    echo(
        f"{len(known)} networks of timm with known accuracy on ImageNet-1k, {len(new)} others to"
        " predict, of\nfamilies none of which is known. All were trained from scratch.\n"
    )
    model = EmProxRegressor("network", weights="kriging", random_state=random_state)
    predicted = model.fit(data.data[known], data.target[known]).predict(data.data[new])
    names = [
        f"{name} at {size}"
        for name, size in zip(data.model[new], data.image_size[new], strict=True)
    ]
    _report(names, data.target[new], {"best": predicted}, "network")
    return data.target[new], predicted


def _report(
    names: Sequence[str] | NDArray[Any], true: Floats, predictions: dict[str, Floats], kind: str
) -> None:
    from ..metrics import regression_report
    from ._output import echo, print_table

    reports = [regression_report(true, each, k=_N_BEST) for each in predictions.values()]
    metrics = [name.replace("_k", f" {_N_BEST}").replace("_", " ") for name in reports[0]]
    columns = [[f"{value:.3f}" for value in report.values()] for report in reports]
    rows = list(zip(metrics, *columns, strict=True))
    print_table({"metric": "left", **dict.fromkeys(predictions, "right")}, rows)
    predicted = predictions["best"]
    best = (-predicted).argsort(kind="stable")[:_N_BEST].tolist()
    rows = [
        (names[i], f"{predicted[i]:.2f}", f"{true[i]:.2f}", f"{1 + (true > true[i]).sum():,}")
        for i in best
    ]
    echo(f"\nThe {_N_BEST} best predicted {kind}s, and the rank of their true accuracy:\n")
    print_table({kind: "left", **dict.fromkeys(("predicted", "true", "rank"), "right")}, rows)


def _draw(
    networks: tuple[Floats, Floats], cells: tuple[Floats, Floats, Floats], output: Path
) -> None:
    from matplotlib.figure import Figure

    from ..inspection import EmbeddingDisplay, RankAgreementDisplay
    from ._output import echo

    true, predicted, vectors = cells
    of_cells = f"{len(true):,} unseen cells of NAS-Bench-201 (data: AnalogNAS-Bench)"
    of_networks = f"{len(networks[0])} networks of unseen families on ImageNet (data: timm)"
    titles = {
        "networks-predicted-against-true.png": of_networks,
        "predicted-against-true.png": of_cells,
        "embedding.png": of_cells,
    }
    figures = {output / name: Figure((6.5, 6), layout="constrained") for name in titles}
    of_timm, agreement, embedding = (figure.subplots() for figure in figures.values())
    RankAgreementDisplay.from_predictions(*networks, ax=of_timm)
    RankAgreementDisplay.from_predictions(true, predicted, ax=agreement)
    EmbeddingDisplay.from_embedding(vectors, true, random_state=0, ax=embedding)
    for (path, figure), title in zip(figures.items(), titles.values(), strict=True):
        figure.axes[0].set_title(title, fontsize="medium")
        with replacing(path) as temporary:
            figure.savefig(temporary, dpi=150)
    echo("\n".join(["\nPictures:", *(f"  {path}" for path in figures)]))
