"""Import a package that only some functions need, or say how to install it."""

from __future__ import annotations

import importlib
from types import ModuleType


def import_optional(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import a module of an optional dependency.

    Parameters
    ----------
    module : str
        Name of the module, such as ``"pandas"`` or ``"matplotlib.pyplot"``.
    extra : str
        The extra of emprox that installs it, such as ``"data"``.
    purpose : str
        What needs the module; the error message begins with it.

    Returns
    -------
    module : module
        The imported module.

    Raises
    ------
    ImportError
        If the package is not installed; the message says what needs it and how to install it. A
        package that is installed but broken raises its own error instead.

    Examples
    --------
    >>> from emprox.utils._optional_imports import import_optional
    >>> import_optional("json", extra="data", purpose="reading a JSON file").__name__
    'json'
    >>> import_optional("no_such_package", extra="data", purpose="as_frame=True")
    Traceback (most recent call last):
        ...
    ImportError: as_frame=True needs no_such_package, which is not installed. Install it with: pip \
install "emprox[data]"
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        # Something else that is missing means that the package is there but broken: its own
        # message helps more than ours.
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise ImportError(
            f"{purpose} needs {package}, which is not installed. "
            f'Install it with: pip install "emprox[{extra}]"',
            name=package,
        ) from error
