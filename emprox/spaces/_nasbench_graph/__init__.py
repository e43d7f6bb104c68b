"""The NAS-Bench-Graph search space (Qin et al., 2022)."""

from ._space import NASBenchGraphSpace

__all__ = ["NASBenchGraphSpace"]
