"""The NAS-Bench-101 search space (Ying et al., 2019)."""

from ._space import NASBench101Space

__all__ = ["NASBench101Space"]
