"""The DARTS search space (Liu et al., 2019), also that of NAS-Bench-301."""

from ._space import DARTSSpace

__all__ = ["DARTSSpace"]
