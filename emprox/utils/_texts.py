"""Texts of others, fitted into messages and tables."""

from __future__ import annotations


def one_line(text: str, most: int | None = None) -> str:
    r"""Return a text without line breaks, and no longer than may be.

    Parameters
    ----------
    text : str
        The text, such as that of an exception.
    most : int, default=None
        How many characters to keep; None keeps all.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> from emprox.utils._texts import one_line
    >>> one_line("two\n  lines", 7)
    'two lin…'
    """
    line = " ".join(text.split())
    return line if most is None or len(line) <= most else f"{line[:most]}…"
