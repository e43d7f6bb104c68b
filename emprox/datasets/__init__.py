"""Benchmark data: architectures with accuracies that somebody has measured.

``load_*`` functions read a table that comes with emprox or a package; ``fetch_*`` functions
download a file once and keep it in the data home; ``read_*`` functions read official files that you
have; ``make_*`` functions generate.

All of them return a :class:`~sklearn.utils.Bunch` with at least these attributes:

=================  =================================================================================
``data``           the architectures: ndarray of shape (n_samples,) of texts of their space, or of
                   :class:`~emprox.networks.Network` objects of the space ``"network"``; or
                   with ``as_frame=True`` a DataFrame with the column ``"architecture"``
``target``         ndarray of shape (n_samples,), or (n_samples, n_targets) if a list of targets was
                   asked for; Series or DataFrame with ``as_frame=True``
``feature_names``  ``["architecture"]``
``target_names``   names of the targets
``frame``          data and target in one DataFrame with ``as_frame=True``, otherwise None
``space``          name of the search space in :mod:`emprox.spaces`
``chance_level``   what an architecture has that can only guess, in the unit of the target: 10 for
                   an accuracy in percent on ten classes; None where that is not known or has no
                   meaning, as for latencies, and where it is not the same for all targets
``DESCR``          what the data are, what to know about the labels, and their licence
=================  =================================================================================

Whatever option, target or data set does not exist is a ValueError that lists those that do. All
take ``return_X_y=True``, for ``(data, target)`` instead of a Bunch, and ``as_frame=True``, for
pandas objects instead of arrays. All that fetch look for the file in ``data_home``, where your own
copy is used as well; ``download_if_missing=False`` makes it an error that there is none, and
``verbose=True`` shows a progress bar. They raise an OSError that says what to do by hand if the
file cannot be had or is not the published one, and an ImportError if it has to be downloaded and
pooch is not installed.

What was downloaded or is a file of yours also has ``filename``, the path of what was read; what was
downloaded has its address ``url``.
"""

from ._digits_cells import load_digits_cells
from ._download import clear_data_home, get_data_home
from ._generated import make_architectures
from ._imagenet_networks import load_imagenet_networks
from ._imagenet_regressor import load_imagenet_regressor
from ._nasbench101 import fetch_nasbench101, read_nasbench101
from ._nasbench201 import fetch_nasbench201, load_nasbench201
from ._nasbench301 import fetch_nasbench301
from ._nasbench_graph import load_nasbench_graph
from ._nasbench_macro import fetch_nasbench_macro
from ._nasbench_nlp import read_nasbench_nlp
from ._naslib import read_naslib
from ._nats_bench import read_nats_bench
from ._timm_results import fetch_timm_results
from ._transnasbench101 import fetch_transnasbench101

__all__ = [
    "clear_data_home",
    "fetch_nasbench101",
    "fetch_nasbench201",
    "fetch_nasbench301",
    "fetch_nasbench_macro",
    "fetch_timm_results",
    "fetch_transnasbench101",
    "get_data_home",
    "load_digits_cells",
    "load_imagenet_networks",
    "load_imagenet_regressor",
    "load_nasbench201",
    "load_nasbench_graph",
    "make_architectures",
    "read_nasbench101",
    "read_nasbench_nlp",
    "read_naslib",
    "read_nats_bench",
]
