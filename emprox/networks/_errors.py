"""What is raised where a module cannot be captured."""

from __future__ import annotations


class CaptureError(ValueError):
    """A module cannot be run without values on the given input.

    Parameters
    ----------
    message : str
        What is wrong, where, and what to do.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
