"""NAS-Bench-Graph: graph neural networks on nine data sets, from the package nas-bench-graph."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Callable, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from ..spaces._nasbench_graph import NASBenchGraphSpace
from ..utils._optional_imports import import_optional
from ._base import choose_targets, make_result, read_description
from ._restricted_pickle import load_restricted_pickle

if TYPE_CHECKING:
    from sklearn.utils import Bunch

_DATASETS = (
    "cora",
    "citeseer",
    "pubmed",
    "cs",
    "physics",
    "photo",
    "computers",
    "arxiv",
    "proteins",
)
# Field of the published records, and what turns its unit into ours.
_TARGETS = {
    "validation_performance": ("valid_perf", 100.0),
    "test_performance": ("perf", 100.0),
    "latency": ("latency", 1.0),
    "parameters": ("para", 1.0),
}


class _DType:
    """Stands in for ``numpy.dtype``: the files use nothing but little-endian doubles."""

    def __init__(self, code: str, *flags: bool) -> None:
        if code != "f8":
            raise ValueError(f"expected numbers of type f8, got {code!r}")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] != "<":
            raise ValueError(f"expected little-endian numbers, got byte order {state[1]!r}")


def _scalar(dtype: _DType, content: bytes) -> float:
    """Stand in for numpy's way to build a number of eight bytes."""
    return float(struct.unpack("<d", content)[0])


_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "dtype"): _DType,
    ("numpy.core.multiarray", "scalar"): _scalar,
}


def load_nasbench_graph(
    dataset: str = "cora",
    *,
    target: str | Sequence[str] = "test_performance",
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[Any, Any]:
    """Load the graph neural networks of NAS-Bench-Graph with their measured performance.

    All 26,206 architectures of the space were trained on eight data sets, and 2,021 of them on
    proteins [1]_. The results come with the Python package nas-bench-graph, which has to be
    installed: ``pip install "emprox[benchmarks]"``. Nothing is downloaded, and the package's
    pickles are read with an allow-list, so that nothing in them can run.

    The rows stand in a random order that never changes, so ``X[:121]`` is a random sample. The
    order is the same for all data sets, so that the rows of two of them belong together; the
    architectures of proteins stand in it too, without the others.

    =================  ========================
    Samples            26,206 (proteins: 2,021)
    Features           1 (string)
    Targets            real
    =================  ========================

    Parameters
    ----------
    dataset : str, default="cora"
        The graphs that the networks were trained on: ``"cora"``, ``"citeseer"``, ``"pubmed"``,
        ``"cs"``, ``"physics"``, ``"photo"``, ``"computers"``, ``"arxiv"`` or ``"proteins"``.
    target : str or list of str, default="test_performance"
        What to predict, as a mean over three trainings.

        - ``"validation_performance"``, ``"test_performance"``: accuracy in percent; on proteins
          the area under the ROC curve in percent.
        - ``"latency"``: time of a forward pass in seconds.
        - ``"parameters"``: number of parameters in millions.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, data and target are pandas objects. Needs pandas.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes:

        data : ndarray of shape (n_samples,) of str, or DataFrame of shape (n_samples, 1)
            The architectures in canonical form, as text such as ``|gcn~0|gin~1|fc~2|cheb~1|``:
            for each of four nodes the operation and the node that it reads, 0 being the input.
            With ``as_frame=True`` it is a data frame with the column ``"architecture"``.
        target : ndarray of shape (n_samples,) or (n_samples, n_targets), Series or DataFrame
            The target; two-dimensional if `target` is a list.
        feature_names : list of str
            ``["architecture"]``.
        target_names : list of str
            The names of the targets chosen.
        frame : DataFrame or None
            Data and target in one, with ``as_frame=True``.
        DESCR : str
            What the data are, how they were checked, and their licence.
        space : str
            ``"nasbench_graph"``, the name of the search space in :mod:`emprox.spaces`.
        filename : str
            Path of the file that was read.

    (data, target) : tuple if ``return_X_y`` is True
        The two attributes of that name.

    Raises
    ------
    ValueError
        If the data set or a target does not exist, or the file does not hold what it should.
    ImportError
        If nas-bench-graph is not installed, or ``as_frame=True`` and pandas is not.
    pickle.UnpicklingError
        If the file is no complete pickle, or asks for anything but plain data and numbers.

    See Also
    --------
    emprox.spaces.NASBenchGraphSpace : The search space.

    References
    ----------
    .. [1] Qin, Zhang, Wang, Zhang and Zhu, "NAS-Bench-Graph: Benchmarking Graph Neural
       Architecture Search", NeurIPS 2022, `arXiv:2206.09166
       <https://arxiv.org/abs/2206.09166>`_.

    Examples
    --------
    >>> from emprox.datasets import load_nasbench_graph
    >>> X, y = load_nasbench_graph("cora", return_X_y=True)  # doctest: +SKIP
    >>> X.shape, y.shape  # doctest: +SKIP
    ((26206,), (26206,))
    """
    if dataset not in _DATASETS:
        raise ValueError(
            f"unknown data set {dataset!r}. Allowed are: {', '.join(map(repr, _DATASETS))}"
        )
    chosen = choose_targets(target, list(_TARGETS))
    package = import_optional("nas_bench_graph", extra="benchmarks", purpose="load_nasbench_graph")
    path = resources.files(package) / "light" / f"{dataset}.bench"
    with path.open("rb") as stream:
        records = load_restricted_pickle(cast(BinaryIO, stream), _ALLOWED)
    if not isinstance(records, dict) or not records:
        raise ValueError(f"{path} does not hold a table of results")
    # A hash of the key orders the rows at random, alike on every machine and for every data set.
    keys = sorted(records, key=lambda key: hashlib.sha256(str(key).encode()).digest())
    space = NASBenchGraphSpace()
    try:
        architectures = space.format_decisions(space.from_benchmark_keys(keys))
    # Among the errors of keys that are no numbers, or too large, are ArchitectureErrors.
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{path} does not hold results by architecture: {error}") from error
    columns = {}
    for name in chosen:
        field, factor = _TARGETS[name]
        try:
            columns[name] = [factor * records[key][field] for key in keys]
            damaged = not all(map(math.isfinite, columns[name]))
        except (KeyError, TypeError):
            damaged = True
        if damaged:
            raise ValueError(f"{path}: not every record has a number {field!r}")
    return make_result(
        architectures,
        columns,
        several=not isinstance(target, str),
        return_X_y=return_X_y,
        as_frame=as_frame,
        DESCR=read_description("nasbench_graph.rst"),
        space=space.name,
        filename=str(path),
    )
