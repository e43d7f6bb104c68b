"""The registered search spaces, by name."""

from __future__ import annotations

from difflib import get_close_matches

from ._base import SearchSpace
from ._dag import DAGSpace
from ._darts import DARTSSpace
from ._nasbench101 import NASBench101Space
from ._nasbench201 import NASBench201Space
from ._nasbench_asr import NASBenchASRSpace
from ._nasbench_graph import NASBenchGraphSpace
from ._nasbench_macro import NASBenchMacroSpace
from ._nasbench_nlp import NASBenchNLPSpace
from ._natsbench_size import NATSBenchSizeSpace
from ._sequence_space import SequenceSpace
from ._transnasbench101_macro import TransNASBench101MacroSpace
from ._transnasbench101_micro import TransNASBench101MicroSpace

_SPACES: dict[str, SearchSpace] = {}


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
    if space.name in _SPACES and not overwrite:
        raise ValueError(
            f"a space {space.name!r} is registered already; choose another name or set"
            " overwrite=True"
        )
    _SPACES[space.name] = space
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
    if isinstance(space, SearchSpace):
        return space
    if space not in _SPACES:
        close = get_close_matches(str(space), _SPACES, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        raise ValueError(
            f"unknown search space {space!r}{hint} Registered are {', '.join(map(repr, _SPACES))};"
            " add your own with emprox.spaces.register_space"
        )
    return _SPACES[space]


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
    return sorted(_SPACES)


def is_registered(space: SearchSpace) -> bool:
    """Say whether this very space is the one that is known by its name."""
    return _SPACES.get(space.name) is space


for _space in (
    NASBenchNLPSpace(),
    DAGSpace(),
    DARTSSpace(),
    NASBench201Space(),
    NASBenchASRSpace(),
    NASBenchMacroSpace(),
    NATSBenchSizeSpace(),
    SequenceSpace(),
    TransNASBench101MacroSpace(),
    TransNASBench101MicroSpace(),
    NASBench101Space(),
    NASBenchGraphSpace(),
):
    register_space(_space)
