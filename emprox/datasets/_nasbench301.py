"""DARTS cells trained on other images and signals: the additional tasks of NAS-Bench-Suite-Zero."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sklearn.utils import Bunch

from ..spaces import get_space
from ._base import choose_targets, make_bunch, percentage, shape_bunch
from ._download import fetch_file
from ._json_files import read_archive

_DATASETS = ("svhn", "ninapro", "scifar100")
# The archive repeats the accuracies beside each zero-cost proxy; one of them is enough.
_MEMBER = "flops/benchmark--nasbench301--{}--0.json"


def fetch_nasbench301(
    dataset: str | Sequence[str] = "svhn",
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    verbose: bool = False,
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[Any, Any]:
    """Fetch measured accuracies of 199 networks of the NAS-Bench-301 search space.

    NAS-Bench-301 itself is a surrogate model [2]_; these are accuracies of trained networks [1]_,
    on three tasks other than the CIFAR-10 of NAS-Bench-301. The same 199 networks were trained on
    all three.

    Parameters
    ----------
    dataset : {"svhn", "ninapro", "scifar100"} or list of these, default="svhn"
        What the networks were trained on: house numbers, electromyograms of hand movements, or
        CIFAR-100 projected onto a sphere. Several give a target of as many columns.
    data_home : str or path-like, default=None
        As in :func:`get_data_home`.
    download_if_missing : bool, default=True
        As for all that fetch.
    verbose, return_X_y, as_frame : bool, default=False
        As for all that fetch.

    Returns
    -------
    :class:`~sklearn.utils.Bunch` or (data, target)
        With the attributes that :mod:`emprox.datasets` lists. The networks are genotypes, such as
        ``Genotype(normal=[('dil_conv_3x3', 0), ...], normal_concat=range(2, 6), reduce=[...],
        reduce_concat=range(2, 6))``, the accuracies in percent; the chance level is None, because
        no network of the space is without a path.

    See Also
    --------
    fetch_nasbench201 : All cells of a smaller search space.

    References
    ----------
    .. [1] Krishnakumar, White, Zela, Tu, Safari and Hutter, "NAS-Bench-Suite-Zero: Accelerating
       Research on Zero Cost Proxies", NeurIPS 2022, `arXiv:2210.03230
       <https://arxiv.org/abs/2210.03230>`_.
    .. [2] Zela, Siems, Zimmer, Lukasik, Keuper and Hutter, "Surrogate NAS Benchmarks: Going Beyond
       the Limited Search Spaces of Tabular NAS Benchmarks", ICLR 2022, `arXiv:2008.09777
       <https://arxiv.org/abs/2008.09777>`_.

    Examples
    --------
    >>> from emprox.datasets import fetch_nasbench301
    >>> X, y = fetch_nasbench301("ninapro", return_X_y=True)  # doctest: +SKIP
    >>> X.shape, y.shape  # doctest: +SKIP
    ((199,), (199,))
    """
    datasets = choose_targets(dataset, _DATASETS)
    file = fetch_file("9x_all.zip", data_home, download_if_missing, verbose)
    members = {_MEMBER.format(name): name for name in datasets}
    content = read_archive(Path(file["filename"]), members.__contains__)
    # Not all members have the networks in the same order.
    accuracies = {
        members[member]: {row["arch"]: percentage(row["val_accuracy"]) for row in rows}
        for member, rows in content.items()
    }
    networks = list(accuracies[datasets[0]])
    columns = {f"{name}_accuracy": [accuracies[name][net] for net in networks] for name in datasets}
    space = get_space("darts")
    genotypes = space.format(space.encode(networks))
    bunch = make_bunch(genotypes, columns, "nasbench301.rst", space.name, None, **file)
    return shape_bunch(bunch, dataset, return_X_y, as_frame)
