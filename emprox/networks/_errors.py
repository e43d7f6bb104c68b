"""What is raised where a module cannot be captured."""

from __future__ import annotations


class CaptureError(ValueError):
    """A module cannot be run without values on the given input.

    Parameters
    ----------
    message : str
        What is wrong, where, and what to do.

    Examples
    --------
    >>> from torch import nn
    >>> from emprox.networks import CaptureError, capture
    >>> try:
    ...     capture(nn.Linear(8, 1), (1, 9))
    ... except CaptureError as error:
    ...     print(str(error).split(":")[0])
    Linear fails on inputs of shape (1, 9)
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
