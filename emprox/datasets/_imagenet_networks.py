"""Real networks with their accuracies on ImageNet, captured."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

import pandas as pd
from sklearn.utils import Bunch

from ..networks import Network
from ..utils._options import check_option
from ._base import choose_targets, common_chance_level, make_bunch, shape_bunch
from ._timm_results import FROM_SCRATCH, TRAININGS

_TARGETS = ("top1", "top5")
_ANY = "any"


def load_imagenet_networks(
    *,
    training: str = FROM_SCRATCH,
    target: str | Sequence[str] = "top1",
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[Any, Any]:
    """Load real networks of 75 families with their accuracies on ImageNet-1k.

    The networks are architectures of timm [1]_ from VGG to vision transformers, captured at the
    size of image that each was tested at, and the accuracies those that timm measured. They come
    with emprox, without weights, so nothing is downloaded and neither timm nor torch is needed.

    The rows stand in a random order that never changes, so ``X[:121]`` is a random sample. What is
    predicted for an architecture should not come from itself at another size of image, or from a
    sister of its family, if yours is of no known family: split by ``family``.

    Parameters
    ----------
    training : str, default="from scratch"
        How the networks were trained, as timm's tags tell.

        - ``"from scratch"``: on ImageNet-1k alone. Each of the 421 pairs of architecture and size
          of image is here once, with the best accuracy of all its recipes.
        - ``"more data"``: with other images as well, whether labelled or not.
        - ``"distillation"``: taught by another network.
        - ``"self-supervised"``: at first on the images of ImageNet-1k without labels.
        - ``"unclear"``: the tag does not tell.
        - ``"any"``: all 694 rows, where networks appear once for each recipe.
    target : str or list of str, default="top1"
        What to predict: ``"top1"`` or ``"top5"``, the share of the 50,000 validation images whose
        class is the first, or among the first five, of those predicted. In percent.
    return_X_y, as_frame : bool, default=False
        As for all loaders.

    Returns
    -------
    :class:`~sklearn.utils.Bunch` or (data, target)
        As :mod:`emprox.datasets` says, but the architectures are
        :class:`~emprox.networks.Network` objects. There are also

        model : ndarray of shape (n_samples,)
            timm's names, such as ``"resnext50_32x4d.a1h_in1k"``; what is behind the point is the
            tag that tells how it was trained.
        family : ndarray of shape (n_samples,)
            The letters that the name begins with.
        training : ndarray of shape (n_samples,)
            As in `training`.
        image_size : ndarray of shape (n_samples,)
            Height and width of the images in pixels.

    See Also
    --------
    fetch_timm_results : The whole table, without the networks.
    load_imagenet_regressor : Learned from these.
    emprox.networks.capture : Makes networks of your own modules.

    References
    ----------
    .. [1] R. Wightman, "PyTorch Image Models", `huggingface/pytorch-image-models
       <https://github.com/huggingface/pytorch-image-models>`_, Apache-2.0.

    Examples
    --------
    >>> from emprox.datasets import load_imagenet_networks
    >>> data = load_imagenet_networks()
    >>> data.data.shape, float(data.target.max())
    ((421,), 86.4)
    >>> data.model[0]
    'regnetz_b16.ra3_in1k'
    >>> data.data[0]
    Network(ByobNet: 9.72 M weights, 2.36 G multiply-adds, 113 layers)
    """
    check_option("training", training, [*TRAININGS, _ANY])
    chosen = choose_targets(target, _TARGETS)
    table, _ = _read_archive()
    if training != _ANY:
        table = table[table["training"] == training]
    if training == FROM_SCRATCH:
        table = table.loc[sorted(table.groupby("network")["top1"].idxmax())]
    bunch = make_bunch(
        list(map(_read_network, table["network"].tolist())),
        {name: table[name] for name in chosen},
        "imagenet_networks.rst",
        "network",
        common_chance_level(chosen, {"top1": 0.1, "top5": 0.5}),
        **{name: table[name].to_numpy(dtype=object) for name in ("model", "family", "training")},
        image_size=table["img_size"].to_numpy(),
    )
    return shape_bunch(bunch, target, return_X_y, as_frame)


@cache
def _read_archive() -> tuple[pd.DataFrame, list[str]]:
    """Return the rows, each with the number of its network, and the networks as texts."""
    path = resources.files(__package__) / "data" / "imagenet_networks.zip"
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        with archive.open("results.csv") as rows:
            table = pd.read_csv(rows)
        return table, archive.read("networks.jsonl").decode().splitlines()


@cache
def _read_network(number: int) -> Network:
    return Network.from_json(_read_archive()[1][number])
