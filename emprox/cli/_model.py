"""What the commands that work on the user's files have in common: reading and learning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._csv_files import CsvFile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .. import EmProxRegressor
    from ..spaces import SearchSpace


def read_architectures(file: CsvFile, column: str, space: SearchSpace) -> NDArray[np.int64]:
    """Read a column of architectures.

    Parameters
    ----------
    file : CsvFile
        The file.
    column : str
        Name of the column.
    space : SearchSpace
        The search space.

    Returns
    -------
    ndarray of shape (n_rows, n_decisions)
        Decision matrix.

    Raises
    ------
    click.ClickException
        If the column is missing or an architecture is not of the space; says in which line.
    """
    from ..spaces import ArchitectureError

    texts = file.texts(column, "--architecture-column")
    try:
        return space.encode(texts)
    except ArchitectureError as error:
        if error.index is None:
            raise
        raise file.error(error.index, column, error.message) from error


def learn(
    file: CsvFile,
    X: NDArray[np.int64],
    accuracies: list[float],
    space: SearchSpace,
    recipe: str,
    n_neighbors: int | None,
    chance_level: float | None,
    random_state: int,
) -> EmProxRegressor:
    """Fit a model to known architectures.

    Parameters
    ----------
    file : CsvFile
        The file that they are from.
    X : ndarray of shape (n_known, n_decisions)
        Decision matrix.
    accuracies : list of float
        Their accuracies.
    space : SearchSpace
        The search space.
    recipe : str
        Name of the recipe.
    n_neighbors : int or None
        Number of neighbours; None takes the recipe's.
    chance_level : float or None
        Accuracy of guessing, if it is known.
    random_state : int
        Seed.

    Returns
    -------
    EmProxRegressor
        The model.

    Raises
    ------
    click.ClickException
        If there are too few known architectures.
    """
    from ._output import status

    with status(f"Learning from {len(accuracies):,} known architectures"):
        from .. import EmProxRegressor

        if n_neighbors is not None and len(accuracies) < n_neighbors:
            raise click.ClickException(
                f"{file.name}: {len(accuracies)} known architecture(s) are too few for"
                f" --n-neighbors {n_neighbors}; add some, or lower --n-neighbors"
            )
        model = EmProxRegressor(
            space,
            recipe=recipe,
            n_neighbors=n_neighbors,
            chance_level=chance_level,
            random_state=random_state,
        )
        return model.fit(X, accuracies)
