"""The registered search spaces, by name."""

from __future__ import annotations

from ._base import SearchSpace
from ._known import KNOWN, find


def register_space(space: SearchSpace, *, overwrite: bool = False) -> SearchSpace:
    """Make a search space known by its name.

    Parameters
    ----------
    space : SearchSpace
        The space; its ``name`` is what `get_space` and every ``space`` parameter understand.
    overwrite : bool, default=False
        Whether to replace a space that is registered under the same name.

    Returns
    -------
    SearchSpace
        The same space.

    Raises
    ------
    TypeError
        If it is not a `SearchSpace` instance.
    ValueError
        If the name is taken and `overwrite` is False.

    Examples
    --------
    >>> from emprox.spaces import get_space, register_space
    >>> register_space(get_space("nasbench201"), overwrite=True)
    <NASBench201Space 'nasbench201'>
    """
    if not isinstance(space, SearchSpace):
        raise TypeError(f"expected an instance of SearchSpace, got {space!r}")
    if space.name in KNOWN and not overwrite:
        raise ValueError(
            f"a space {space.name!r} is registered already; choose another name or set"
            " overwrite=True"
        )
    KNOWN[space.name] = space
    return space


def get_space(space: str | SearchSpace) -> SearchSpace:
    """Look up a search space by its name.

    Parameters
    ----------
    space : str or SearchSpace
        A registered name, or a space, which is returned as it is.

    Returns
    -------
    SearchSpace
        The space.

    Raises
    ------
    ValueError
        If no space of that name is registered.

    Examples
    --------
    >>> from emprox.spaces import get_space
    >>> get_space("nasbench201").size
    15625
    """
    return space if isinstance(space, SearchSpace) else find(space)


def list_spaces() -> list[str]:
    """List the names of the registered search spaces.

    Returns
    -------
    list of str
        The names, sorted.

    Examples
    --------
    >>> from emprox.spaces import list_spaces
    >>> "nasbench201" in list_spaces()
    True
    """
    return sorted(KNOWN)
