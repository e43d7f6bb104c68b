"""Numbers that the structure of an architecture determines, for use as features."""

from ._networks import NetworkProperties
from ._structural import StructuralProperties

__all__ = ["NetworkProperties", "StructuralProperties"]
