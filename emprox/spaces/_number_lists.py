"""Lists of numbers in text, as benchmarks print their tuples."""

from __future__ import annotations

import re

# More digits than any choice has, few enough to be read as a number without harm.
_LIST = re.compile(r"\s*[(\[]?\s*(\d{1,9}(?:\s*,\s*\d{1,9})*)\s*,?\s*[)\]]?\s*")


def read_numbers(text: str) -> list[int] | None:
    """Read a list of whole numbers such as ``"(4, 0, 3)"`` or ``"4,0,3"``.

    Parameters
    ----------
    text : str
        The text.

    Returns
    -------
    list of int or None
        The numbers, or None if the text is something else.

    Examples
    --------
    >>> from emprox.spaces._number_lists import read_numbers
    >>> read_numbers("(4, 0, 3)")
    [4, 0, 3]
    """
    match = _LIST.fullmatch(text)
    return None if match is None else [int(number) for number in match.group(1).split(",")]
