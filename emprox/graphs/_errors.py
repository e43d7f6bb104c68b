"""The error that every search space raises for something that is not one of its architectures."""

from __future__ import annotations


class ArchitectureError(ValueError):
    """Something is not an architecture, or not one of the search space at hand.

    Parameters
    ----------
    message : str
        What is wrong.
    index : int, default=None
        Position of the architecture among those given together, if there were several.

    Examples
    --------
    >>> from emprox.spaces import ArchitectureError, get_space
    >>> try:
    ...     get_space("nasbench201").encode(["|skip_connect~0|"])
    ... except ArchitectureError as error:
    ...     print(error.index)
    0
    """

    def __init__(self, message: str, index: int | None = None) -> None:
        super().__init__(message if index is None else f"architecture {index}: {message}")
        self.message = message
        self.index = index

    def __reduce__(self) -> tuple[type[ArchitectureError], tuple[str, int | None]]:
        return type(self), (self.message, self.index)
