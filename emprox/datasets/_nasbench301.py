"""DARTS cells trained on other images and signals: the additional tasks of NAS-Bench-Suite-Zero."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..spaces import ArchitectureError
from ..spaces._darts import DARTSSpace
from ._base import (
    choose_targets,
    fetch_file,
    make_result,
    percentage,
    published_file,
    read_description,
)
from ._json_files import read_archive

if TYPE_CHECKING:
    from sklearn.utils import Bunch

_DATASETS = ("svhn", "ninapro", "scifar100")
# The archive repeats the accuracies beside each zero-cost proxy; one of them is enough.
_MEMBER = "flops/benchmark--nasbench301--{}--0.json"
_FILE = published_file(
    "9x_all.zip",
    url=(
        "https://raw.githubusercontent.com/automl/NASLib/"
        "8359327a8c5e46f684c8d7f34d99a6c6dbcd9097/logs/benchmark_creation/9x_all.zip"
    ),
    sha256="17afb91c43dbf2d429ad79c57fbb5838f390a980648731753eb90da81bb2de62",
)


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

    NAS-Bench-301 itself is a surrogate model; these are accuracies of trained networks [1]_, on
    three tasks other than the CIFAR-10 of NAS-Bench-301. The same 199 networks were trained on all
    three.

    Parameters
    ----------
    dataset : {"svhn", "ninapro", "scifar100"} or list of these, default="svhn"
        What the networks were trained on: house numbers, electromyograms of hand movements, or
        CIFAR-100 projected onto a sphere. Several give a target of as many columns.
    data_home : str or path-like, default=None
        The folder in which the file is kept under its own name, as in :func:`get_data_home`.
        A copy that you have put there yourself is used as well, if its sha256 is right.
    download_if_missing : bool, default=True
        If False, a file that is not there is an error.
    verbose : bool, default=False
        If True, show a progress bar while downloading.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, data and target are pandas objects. Needs pandas.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes:

        data : ndarray of shape (199,) of str, or DataFrame of shape (199, 1)
            The genotypes, such as ``Genotype(normal=[('dil_conv_3x3', 0), ...],
            normal_concat=range(2, 6), reduce=[...], reduce_concat=range(2, 6))``.
            With ``as_frame=True`` it is a data frame with the column ``"architecture"``.
        target : ndarray of shape (199,) or (199, n_datasets), Series or DataFrame
            The accuracy in percent; higher is better.
        feature_names : list of str
            ``["architecture"]``.
        target_names : list of str
            The names of the targets, such as ``["svhn_accuracy"]``.
        frame : DataFrame or None
            Data and target in one, with ``as_frame=True``.
        DESCR : str
            What the data are, what to know about the labels, and their licence.
        space : str
            ``"darts"``, the name of the search space in :mod:`emprox.spaces`.
        url : str
            Address of the file.
        filename : str
            Path of the copy that was read.

    (data, target) : tuple if ``return_X_y`` is True
        The two attributes of that name.

    Raises
    ------
    ValueError
        If there is no such data set, or the file is malformed.
    OSError
        If the file cannot be had, or is not the published one. The message says how to put it
        right by hand.
    ImportError
        If the file has to be downloaded and pooch is not installed, or ``as_frame=True`` and
        pandas is not.

    See Also
    --------
    fetch_nasbench201 : All cells of a smaller search space.
    clear_data_home : Delete the downloaded files.

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
    path = fetch_file(
        _FILE, data_home=data_home, download_if_missing=download_if_missing, verbose=verbose
    )
    members = [_MEMBER.format(name) for name in datasets]
    columns = [
        _read_member(path, member, rows) for member, rows in read_archive(path, members).items()
    ]
    architectures = list(columns[0])
    for name, column in zip(datasets, columns, strict=True):
        if column.keys() != columns[0].keys():
            raise ValueError(f"{path}: the networks of {name} are not those of {datasets[0]}")
    return make_result(
        architectures,
        {
            f"{name}_accuracy": [column[genotype] for genotype in architectures]
            for name, column in zip(datasets, columns, strict=True)
        },
        several=not isinstance(dataset, str),
        return_X_y=return_X_y,
        as_frame=as_frame,
        DESCR=read_description("nasbench301.rst"),
        space=DARTSSpace.name,
        url=_FILE.url,
        filename=str(path),
    )


def _read_member(path: Path, member: str, rows: Any) -> dict[str, float]:
    """Return the accuracy of each genotype, in the order of the file."""
    space = DARTSSpace()
    accuracies = {}
    if not isinstance(rows, list) or not rows:
        raise ValueError(f"{path}, member {member}: expected a list of networks")
    for number, row in enumerate(rows):
        try:
            genotype = space.format(row["arch"])
            accuracies[genotype] = percentage(row["val_accuracy"])
        except (ArchitectureError, ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"{path}, member {member}, network {number}: malformed: {error!r}"
            ) from error
    return accuracies
