"""Texts of others, fitted into messages and tables."""

from __future__ import annotations

import reprlib


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


def shown(value: object, most: int = 80) -> str:
    """Write any value into a message: shortened, on one line, and never failing."""
    try:
        # Nested containers can have a repr of any length, or none at all.
        text = reprlib.repr(value) if not isinstance(value, str) else repr(value[: 2 * most])
    except Exception:
        text = f"<{type(value).__name__}>"
    return one_line(text, most)
