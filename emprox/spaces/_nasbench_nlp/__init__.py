"""The NAS-Bench-NLP search space (Klyuchnikov et al., 2020)."""

from ._space import NASBenchNLPSpace

__all__ = ["NASBenchNLPSpace"]
