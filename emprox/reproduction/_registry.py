"""The experiments by name."""

from __future__ import annotations

from ._darts import Darts
from ._experiment import Experiment
from ._figure5 import Figure5
from ._grid_search import GridSearch
from ._table1 import Table1
from ._table2 import Table2

_EXPERIMENTS = {cls.name: cls for cls in (Table1, Table2, Darts, GridSearch, Figure5)}


def list_experiments() -> list[str]:
    """List the names of the experiments.

    Returns
    -------
    list of str
        The names.

    See Also
    --------
    get_experiment : Get one of them.

    Examples
    --------
    >>> from emprox.reproduction import list_experiments
    >>> list_experiments()
    ['table1', 'table2', 'darts', 'grid-search', 'figure5']
    """
    return list(_EXPERIMENTS)


def get_experiment(name: str) -> Experiment:
    """Get an experiment by name.

    Parameters
    ----------
    name : {"table1", "table2", "darts", "grid-search", "figure5"}
        Its name.

    Returns
    -------
    Experiment
        The experiment.

    Raises
    ------
    ValueError
        If there is none of that name.

    See Also
    --------
    list_experiments : All names.

    Examples
    --------
    >>> from emprox.reproduction import get_experiment
    >>> get_experiment("figure5").title
    'Figure 5 of the paper: do cells of similar accuracy lie together?'
    """
    if name not in _EXPERIMENTS:
        raise ValueError(
            f"there is no experiment {name!r}, only {', '.join(map(repr, _EXPERIMENTS))}"
        )
    return _EXPERIMENTS[name]()
