"""The one graph: directed acyclic graphs of operations, many at once, and what walks them."""

from ._architecture import Architecture
from ._batch import ABSENT, WIRE
from ._canonical import canonical_orders, isomorphism_classes, reorder
from ._errors import ArchitectureError
from ._graphs import Graphs

__all__ = [
    "ABSENT",
    "WIRE",
    "Architecture",
    "ArchitectureError",
    "Graphs",
    "canonical_orders",
    "isomorphism_classes",
    "reorder",
]
