"""NAS-Bench-Graph: graph neural networks on nine data sets, from the package nas-bench-graph."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import Any, BinaryIO, cast

from sklearn.utils import Bunch

from ..spaces import NASBenchGraphSpace
from ..utils._optional_imports import import_optional
from ._base import choose_targets, finite, make_bunch, shape_bunch
from ._numpy_stand_ins import numpy_stand_ins
from ._restricted_pickle import load_restricted_pickle

_DATASETS = (
    *("cora", "citeseer", "pubmed", "cs", "physics", "photo", "computers", "arxiv"),
    "proteins",
)
# Field of the published records, and what turns its unit into ours.
_TARGETS = {
    "validation_performance": ("valid_perf", 100.0),
    "test_performance": ("perf", 100.0),
    "latency": ("latency", 1.0),
    "parameters": ("para", 1.0),
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
    return_X_y, as_frame : bool, default=False
        As for all loaders.

    Returns
    -------
    :class:`~sklearn.utils.Bunch` or (data, target)
        As :mod:`emprox.datasets` says. The architectures are in canonical
        form, as text such as ``|gcn~0|gin~1|fc~2|cheb~1|``: for each of four nodes the operation
        and the node that it reads, 0 being the input.

    Raises
    ------
    ValueError
        If the data set or a target does not exist, or the file does not hold what it should.
    ImportError
        If nas-bench-graph is not installed.
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
    choose_targets(dataset, _DATASETS)
    chosen = choose_targets(target, _TARGETS)
    package = import_optional("nas_bench_graph", extra="benchmarks", purpose="load_nasbench_graph")
    path = resources.files(package) / "light" / f"{dataset}.bench"
    with path.open("rb") as stream:
        records = load_restricted_pickle(cast(BinaryIO, stream), numpy_stand_ins())
    space = NASBenchGraphSpace()
    try:
        if not records:
            raise ValueError("there are none")
        # A hash of the key orders the rows at random, alike on every machine and data set.
        keys = sorted(map(int, records), key=lambda key: hashlib.sha256(b"%d" % key).digest())
        architectures = space.format(space.from_benchmark_keys(keys))
        columns = {
            name: [factor * finite(records[key][field]) for key in keys]
            for name, (field, factor) in ((name, _TARGETS[name]) for name in chosen)
        }
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise ValueError(f"{path} does not hold results by architecture: {error}") from error
    bunch = make_bunch(
        architectures, columns, "nasbench_graph.rst", space.name, None, filename=str(path)
    )
    return shape_bunch(bunch, target, return_X_y, as_frame)
