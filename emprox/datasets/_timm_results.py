"""timm's table of ImageNet results: which network, trained how, reaches which accuracy."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pandas as pd

from ._download import fetch_file

_COLUMNS = ("model", "img_size", "top1", "top5", "param_count")
# What the words of a tag say about the training; the first that matches counts. All other words
# are names of recipes (a1, ra2) and authors (fb, tv), epochs (300ep, e600), sizes of images (r224).
_TRAINING = {
    "more data": r"in(?!1k)\d+k|laion.*|clip|openai|datacomp.*|dfn\d+b|webli|jft|ig\d+b|yfcc.*"
    r"|cc\d+m|m\d+m|lvd\d+m|merged.*|sa1b|swag|swsl|wsl|ns",
    "distillation": r"dist.*|ssld",
    "self-supervised": r"mim|mae|fcmae|dino.*|ssl",
    # Further training of what the tag does not name, and authors whose recipe it does not tell.
    "unclear": r"ft|miil|msft|ens",
}
FROM_SCRATCH = "from scratch"
TRAININGS = (FROM_SCRATCH, *_TRAINING)


def fetch_timm_results(
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    verbose: bool = False,
) -> pd.DataFrame:
    """Fetch timm's table of ImageNet accuracies, downloading it once.

    The accuracies are those of the weights that timm offers [1]_, each measured by its authors on
    the 50,000 validation images of ImageNet-1k.

    Parameters
    ----------
    data_home : str or path-like, default=None
        As in :func:`get_data_home`.
    download_if_missing : bool, default=True
        As for all that fetch.
    verbose : bool, default=False
        As for all that fetch.

    Returns
    -------
    DataFrame of shape (1556, 13)
        The published table, of which ``model``, ``img_size``, ``top1`` and ``top5`` in percent and
        ``param_count`` in millions matter most, and after ``model`` four columns that are derived
        from it: ``architecture`` and ``tag``, which are its parts before and after the point;
        ``family``, the letters that it begins with; and ``training``, as in
        :func:`load_imagenet_networks`.

    See Also
    --------
    load_imagenet_networks : A part of the table, with the networks.

    References
    ----------
    .. [1] R. Wightman, "PyTorch Image Models", `huggingface/pytorch-image-models
       <https://github.com/huggingface/pytorch-image-models>`_, Apache-2.0.

    Examples
    --------
    >>> from emprox.datasets import fetch_timm_results
    >>> results = fetch_timm_results()  # doctest: +SKIP
    >>> results.groupby("training")["top1"].max()  # doctest: +SKIP
    """
    file = fetch_file("results-imagenet.csv", data_home, download_if_missing, verbose)
    return read_results(Path(file["filename"]))


def read_results(source: Path) -> pd.DataFrame:
    """Read the published table, or a part of it, and derive columns from the names."""
    table = pd.read_csv(source, thousands=",")
    if missing := [name for name in _COLUMNS if name not in table]:
        raise ValueError(f"{source}: not timm's results, which have a column {missing[0]!r}")
    parts = table["model"].str.partition(".")
    derived = {
        "architecture": parts[0],
        "tag": parts[2],
        "family": parts[0].str.extract(r"^([a-z]*)", expand=False),
        "training": parts[2].map(training_of),
    }
    for position, (name, column) in enumerate(derived.items(), start=1):
        table.insert(position, name, column)
    return table


def training_of(tag: str) -> str:
    """Say how a network was trained, as far as timm's tag tells; see `TRAININGS`."""
    words = tag.split("_")
    for training, pattern in _TRAINING.items():
        if any(re.fullmatch(pattern, word) for word in words):
            return training
    return FROM_SCRATCH if "in1k" in words else "unclear"
