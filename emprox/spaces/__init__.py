"""Search spaces: architectures as texts, decisions, graphs and tokens, and which are the same."""

from ..graphs import Architecture, ArchitectureError
from ._base import SearchSpace
from ._chains import ChainSpace
from ._checks import check_search_space
from ._dag import DAGSpace
from ._darts import DARTSSpace
from ._edge_cells import EdgeCellSpace
from ._estimator_checks import check_architecture_estimator
from ._nasbench101 import NASBench101Space
from ._nasbench201 import NASBench201Space
from ._nasbench_asr import NASBenchASRSpace
from ._nasbench_graph import NASBenchGraphSpace
from ._nasbench_macro import NASBenchMacroSpace
from ._nasbench_nlp import NASBenchNLPSpace
from ._naslib import from_naslib
from ._natsbench_size import NATSBenchSizeSpace
from ._network import NetworkSpace
from ._registry import get_space, list_spaces, register_space
from ._sequence_space import SequenceSpace
from ._sequences import TokenSequence
from ._signals import CellPosition, SignalOperation, Skeleton
from ._transnasbench101_macro import TransNASBench101MacroSpace
from ._transnasbench101_micro import TransNASBench101MicroSpace

__all__ = [
    "Architecture",
    "ArchitectureError",
    "CellPosition",
    "ChainSpace",
    "DAGSpace",
    "DARTSSpace",
    "EdgeCellSpace",
    "NASBench101Space",
    "NASBench201Space",
    "NASBenchASRSpace",
    "NASBenchGraphSpace",
    "NASBenchMacroSpace",
    "NASBenchNLPSpace",
    "NATSBenchSizeSpace",
    "NetworkSpace",
    "SearchSpace",
    "SequenceSpace",
    "SignalOperation",
    "Skeleton",
    "TokenSequence",
    "TransNASBench101MacroSpace",
    "TransNASBench101MicroSpace",
    "check_architecture_estimator",
    "check_search_space",
    "from_naslib",
    "get_space",
    "list_spaces",
    "register_space",
]

for _space in (
    DAGSpace(),
    DARTSSpace(),
    NASBench101Space(),
    NASBench201Space(),
    NASBenchASRSpace(),
    NASBenchGraphSpace(),
    NASBenchMacroSpace(),
    NASBenchNLPSpace(),
    NATSBenchSizeSpace(),
    NetworkSpace(),
    SequenceSpace(),
    TransNASBench101MacroSpace(),
    TransNASBench101MicroSpace(),
):
    register_space(_space)
