"""Benchmark data: architectures with accuracies that somebody has measured.

``load_*`` functions read a table that comes with emprox or a package; ``fetch_*`` functions
download a file once and keep it in the data home; ``read_*`` functions read official files that you
have; ``make_*`` functions generate.
"""

from ._base import clear_data_home, get_data_home
from ._digits_cells import load_digits_cells
from ._generated import make_architectures
from ._nasbench101 import fetch_nasbench101, read_nasbench101
from ._nasbench201 import fetch_nasbench201, load_nasbench201
from ._nasbench301 import fetch_nasbench301
from ._nasbench_graph import load_nasbench_graph
from ._nasbench_macro import fetch_nasbench_macro
from ._nasbench_nlp import read_nasbench_nlp
from ._naslib import read_naslib
from ._nats_bench import read_nats_bench
from ._transnasbench101 import fetch_transnasbench101

__all__ = [
    "clear_data_home",
    "fetch_nasbench101",
    "fetch_nasbench201",
    "fetch_nasbench301",
    "fetch_nasbench_macro",
    "fetch_transnasbench101",
    "get_data_home",
    "load_digits_cells",
    "load_nasbench201",
    "load_nasbench_graph",
    "make_architectures",
    "read_nasbench101",
    "read_nasbench_nlp",
    "read_naslib",
    "read_nats_bench",
]
