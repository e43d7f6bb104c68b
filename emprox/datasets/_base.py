"""What all loaders share: the data home, published files, reading tables, shaping the result."""

from __future__ import annotations

import csv
import difflib
import hashlib
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..utils._optional_imports import import_optional

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from sklearn.utils import Bunch


@dataclass(frozen=True)
class PublishedFile:
    """A file that its authors have published: its name, address and content."""

    filename: str
    url: str
    sha256: str


_published_files: list[PublishedFile] = []


def published_file(filename: str, url: str, sha256: str) -> PublishedFile:
    """Make the record of a published file, and remember it for `clear_data_home`."""
    file = PublishedFile(filename, url, sha256)
    _published_files.append(file)
    return file


def get_data_home(data_home: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder in which downloaded benchmark files are kept.

    The folder is made when a file is first downloaded to it, not before.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The folder; ``~`` is the user's home. By default it is what the environment variable
        ``EMPROX_DATA_HOME`` says, or else the folder ``emprox`` in the user's cache.

    Returns
    -------
    data_home : pathlib.Path
        The folder.

    See Also
    --------
    clear_data_home : Delete the downloaded files.

    Examples
    --------
    >>> from emprox.datasets import get_data_home
    >>> get_data_home("benchmarks").name
    'benchmarks'
    """
    folder = data_home or os.environ.get("EMPROX_DATA_HOME") or _default_data_home()
    return Path(folder).expanduser()


def _default_data_home() -> Path:
    """Return what ``pooch.os_cache("emprox")`` returns, without needing pooch."""
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
        return Path(local) / "emprox" / "emprox" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "emprox"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "emprox"


def clear_data_home(data_home: str | os.PathLike[str] | None = None) -> None:
    """Delete the benchmark files that emprox has downloaded.

    Other files in the folder stay; the folder itself is deleted if nothing is left in it.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The folder, as in :func:`get_data_home`.

    See Also
    --------
    get_data_home : Where the files are kept.

    Examples
    --------
    >>> import tempfile
    >>> from emprox.datasets import clear_data_home
    >>> clear_data_home(tempfile.mkdtemp())
    """
    folder = get_data_home(data_home)
    if not folder.is_dir():
        return
    for file in _published_files:
        (folder / file.filename).unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def fetch_file(
    file: PublishedFile,
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    verbose: bool = False,
) -> Path:
    """Return the path of a verified copy of a published file, downloading it if need be.

    Parameters
    ----------
    file : PublishedFile
        The file. It is looked for in the data home under its own name.
    data_home : str or path-like, default=None
        The folder, as in :func:`get_data_home`.
    download_if_missing : bool, default=True
        If False, a file that is not there is an error.
    verbose : bool, default=False
        Show a progress bar while downloading.

    Returns
    -------
    path : pathlib.Path
        The copy; its sha256 is right.

    Raises
    ------
    FileNotFoundError
        If the file is missing and must not be downloaded.
    ImportError
        If the file has to be downloaded and pooch is not installed.
    OSError
        If the download fails, or if the file found or downloaded has the wrong content. Nothing
        half-done is left behind.
    """
    path = get_data_home(data_home) / file.filename
    by_hand = (
        f"To provide the file yourself, download\n  {file.url}\nand save it as\n  {path}\n"
        f"(sha256 {file.sha256})."
    )
    if path.exists():
        _verify(path, file, "Delete it to have it downloaded again. " + by_hand)
        return path
    if not download_if_missing:
        raise FileNotFoundError(f"{path} is missing and download_if_missing=False. {by_hand}")

    pooch = import_optional("pooch", extra="data", purpose=f"downloading {file.filename}")
    path.parent.mkdir(parents=True, exist_ok=True)
    # In a temporary folder beside its destination, the last step is an atomic rename, and
    # whatever goes wrong before leaves nothing.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".download-") as folder:
        download = Path(folder) / file.filename
        try:
            pooch.HTTPDownloader(progressbar=verbose, chunk_size=2**16)(
                file.url, str(download), None
            )
        except OSError as error:  # all errors of requests are OSErrors
            if (response := getattr(error, "response", None)) is not None:
                response.close()  # pooch leaves the connection open after a status such as 404
            raise OSError(f"could not download {file.filename}: {error}. {by_hand}") from error
        _verify(download, file, f"It was downloaded from {file.url} and has been discarded.")
        download.replace(path)
    return path


def _verify(path: Path, file: PublishedFile, advice: str) -> None:
    """Raise OSError if the content of a file is not the published one."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(2**20):
            digest.update(chunk)
    found = digest.hexdigest()
    if found != file.sha256:
        raise OSError(
            f"{path} is not the published file {file.filename}: expected sha256 {file.sha256}, "
            f"found {found}. {advice}"
        )


def read_table(
    lines: Iterable[str], source: object, converters: Mapping[str, Callable[[str], Any]]
) -> dict[str, list[Any]]:
    """Read the named columns of a CSV file.

    Parameters
    ----------
    lines : iterable of str
        The lines, the header first.
    source : object
        Name of the file, for error messages.
    converters : dict of {str: callable}
        For each column to read, what makes a value of its text; it raises ValueError if it cannot.

    Returns
    -------
    columns : dict of {str: list}
        The values of each column, in the order of the file.

    Raises
    ------
    ValueError
        If a column is missing, a line is malformed, or there is none. It names file and line.
    """
    reader = csv.reader(lines)
    header = next(reader, [])
    for column in converters:
        if column not in header:
            raise ValueError(
                f"{source}, line 1: no column {column!r} among {', '.join(header) or 'nothing'}"
            )
    columns: dict[str, list[Any]] = {column: [] for column in converters}
    steps = [
        (column, header.index(column), convert, columns[column].append)
        for column, convert in converters.items()
    ]
    for row in reader:
        if len(row) != len(header):
            raise ValueError(
                f"{source}, line {reader.line_num}: {len(row)} fields, but {len(header)} columns"
            )
        for column, position, convert, append in steps:
            try:
                append(convert(row[position]))
            except ValueError as error:
                raise ValueError(
                    f"{source}, line {reader.line_num}, column {column}: {error}"
                ) from error
    if reader.line_num < 2:
        raise ValueError(f"{source} holds no row")
    return columns


def percentage(text: str) -> float:
    """Read a number between 0 and 100."""
    value = float(text)
    if not (math.isfinite(value) and 0 <= value <= 100):
        raise ValueError(f"expected a percentage between 0 and 100, got {text}")
    return value


def choose_targets(target: str | Sequence[str], allowed: Sequence[str]) -> list[str]:
    """Return the names of the targets asked for, or raise a ValueError that lists them all."""
    chosen = [target] if isinstance(target, str) else list(target)
    if not chosen or len(set(chosen)) < len(chosen):
        raise ValueError(f"target has to be a name, or a list of different names, got {target!r}")
    for name in chosen:
        if name not in allowed:
            close = difflib.get_close_matches(str(name), allowed, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise ValueError(
                f"unknown target {name!r}.{hint} Allowed are: {', '.join(map(repr, allowed))}"
            )
    return chosen


def read_description(name: str) -> str:
    """Return the text that describes a data set."""
    return (resources.files(__package__) / "descr" / name).read_text(encoding="utf-8")


def make_result(
    architectures: Sequence[str],
    targets: Mapping[str, ArrayLike],
    *,
    several: bool,
    return_X_y: bool,
    as_frame: bool,
    **attributes: Any,
) -> Bunch | tuple[Any, Any]:
    """Shape a data set in the way of scikit-learn's loaders.

    Parameters
    ----------
    architectures : sequence of str of length n_samples
        The architectures.
    targets : dict of {str: array-like of shape (n_samples,)}
        The targets.
    several : bool
        Whether the target has two dimensions, even if there is only one.
    return_X_y : bool
        Whether to return ``(data, target)`` instead of a Bunch.
    as_frame : bool
        Whether data and target are pandas objects instead of arrays.
    **attributes : dict
        What else the Bunch holds.

    Returns
    -------
    data : Bunch or (data, target)
        As the loaders document it.
    """
    names = list(targets)
    data: Any
    target: Any
    if as_frame:
        pandas = import_optional("pandas", extra="data", purpose="as_frame=True")
        frame = pandas.DataFrame({"architecture": architectures, **targets})
        data, target = frame[["architecture"]], frame[names if several else names[0]]
    else:
        frame = None
        data = np.array(architectures, dtype=object)
        target = np.column_stack([np.array(targets[name], dtype=float) for name in names])
        target = target if several else target.ravel()
    if return_X_y:
        return data, target
    # Imported here because scikit-learn takes a second to import, and brings pandas along
    from sklearn.utils import Bunch

    return Bunch(
        data=data,
        target=target,
        feature_names=["architecture"],
        target_names=names,
        frame=frame,
        **attributes,
    )
