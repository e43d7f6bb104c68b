"""The results file of an evaluation: what is finished, and what it was made with.

Every line is a JSON object that ends in a newline. The first says which data the rows are about;
then there are lines with the versions of the software, lines with the parameters of an estimator,
and one line for each finished task. Lines are only ever appended, so that whenever the process is
killed at most the last one is incomplete, and it is dropped.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import platform
import stat
import sys
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, is_dataclass
from importlib.metadata import PackageNotFoundError, version
from numbers import Number
from pathlib import Path
from typing import Any, BinaryIO

import joblib
import numpy as np

from .. import __version__
from ..utils._texts import one_line
from ._trial import Row

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

Key = tuple[str, int, int]

_FORMAT = {"emprox_results": 1}
_FIRST_BYTES = json.dumps(_FORMAT).encode().replace(b"}", b", ")
_PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "xgboost")
# Parameters of an estimator that say how it runs and not what it predicts, or are set by the trial.
_IMMATERIAL = {"random_state", "verbose", "n_jobs"}
_OTHER_FILE = "choose another results_file"


def key_of(row: Row) -> Key:
    """Return what tells a row from the others: predictor, train size and trial."""
    return row["predictor"], row["train_size"], row["trial"]


@dataclass
class Contents:
    """What is in a results file.

    Parameters
    ----------
    data : dict
        What the rows are about, as far as it has to stay the same.
    versions : dict of str to str
        Versions of the software that wrote to it last.
    estimators : dict of str to dict
        The parameters of each estimator, as texts.
    rows : dict of tuple to dict
        The rows; of several for one task the last.
    n_bytes : int
        Where the last whole line ends.
    """

    data: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    estimators: dict[str, dict[str, str]] = field(default_factory=dict)
    rows: dict[Key, Row] = field(default_factory=dict)
    n_bytes: int = 0

    def add(self, record: dict[str, Any]) -> None:
        """Take in a line."""
        if "predictor" in record:
            row = {name: math.nan if item is None else item for name, item in record.items()}
            self.rows[key_of(row)] = row
        elif "estimator" in record:
            self.estimators[record["estimator"]] = record["parameters"]
        elif "versions" in record:
            self.versions = record["versions"]
        else:
            self.data = record["data"]


def read_contents(path: Path, content: bytes) -> Contents:
    """Read what is in a results file.

    Parameters
    ----------
    path : pathlib.Path
        What messages call the file.
    content : bytes
        All that is in it.

    Returns
    -------
    Contents
        What is in it. A last line that is not complete is left out.

    Raises
    ------
    ValueError
        If it is not a results file, or a line in it is damaged.
    """
    contents = Contents(n_bytes=content.rfind(b"\n") + 1)
    if not content.startswith(_FIRST_BYTES[: len(content)]):
        raise ValueError(
            f"{path} is not a results file of this version of evaluate_predictors; it is left as"
            f" it is: {_OTHER_FILE}"
        )
    for number, line in enumerate(content[: contents.n_bytes].splitlines(), start=1):
        try:
            contents.add(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{path}, line {number} is damaged: delete this line, or {_OTHER_FILE}"
            ) from error
    return contents


class Journal:
    """A results file that is open for writing, by this process alone.

    Parameters
    ----------
    path : pathlib.Path
        The file, which is made if it is not there.
    data : dict
        What the rows are about; see `describe_data`.
    estimators : mapping of str to estimator
        The estimators that rows will be written of.

    Attributes
    ----------
    rows : dict of tuple to dict
        The rows that were there when the file was opened.

    Raises
    ------
    BlockingIOError
        If another process has the file open.
    OSError
        If the file cannot be opened or written.
    ValueError
        If the file is none of `evaluate_predictors`, is damaged, or is about other data or other
        estimators.

    Warns
    -----
    UserWarning
        If the file was written with other versions of the software.
    """

    def __init__(self, path: Path, data: dict[str, Any], estimators: Mapping[str, Any]) -> None:
        self._path = path
        self._file: BinaryIO = path.open("a+b", buffering=0)
        try:
            # A device may be endless.
            if not stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
                raise ValueError(f"{path} is not a file: {_OTHER_FILE}")
            self._lock()
            self._file.seek(0)
            contents = read_contents(path, self._file.read())
            self._end = contents.n_bytes
            self.rows = contents.rows
            self._agree(contents, data, estimators)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def append(self, row: Row) -> None:
        """Write a row, so that it survives whatever happens to this process.

        Parameters
        ----------
        row : dict
            The row.

        Raises
        ------
        OSError
            If it cannot be written, for example because the disk is full. The rows before are
            there nevertheless.
        """
        numbers = {name: None if item != item else item for name, item in row.items()}
        self._write(numbers)

    def _lock(self) -> None:
        try:
            if sys.platform == "win32":
                self._file.seek(2**30)  # beyond the end, so that others can read
                msvcrt.locking(self._file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
                raise BlockingIOError(
                    f"{self._path} is in use by another evaluation: wait until it is done, or"
                    f" {_OTHER_FILE}"
                ) from error
            raise OSError(
                error.errno,
                f"cannot be locked against other processes ({error.strerror}); choose a"
                " results_file on a local disk",
                str(self._path),
            ) from error

    def _agree(
        self, contents: Contents, data: dict[str, Any], estimators: Mapping[str, Any]
    ) -> None:
        """Compare with what is there, before anything is written, and add what is missing."""
        described = {name: describe_estimator(model) for name, model in estimators.items()}
        versions = _versions()
        if contents.data:
            _check_data(self._path, contents.data, data)
        for name, parameters in described.items():
            if name in contents.estimators:
                _check_estimator(self._path, name, contents.estimators[name], parameters)
        if contents.versions and contents.versions != versions:
            warnings.warn(
                f"{self._path} was written with other versions"
                f" ({_differences(contents.versions, versions)}): its rows come from both",
                UserWarning,
                stacklevel=4,
            )

        self._file.truncate(self._end)
        if not contents.data:
            self._write(_FORMAT | {"data": data})
        if contents.versions != versions:
            self._write({"versions": versions})
        for name, parameters in described.items():
            if name not in contents.estimators:
                self._write({"estimator": name, "parameters": parameters})

    def _write(self, record: dict[str, Any]) -> None:
        line = json.dumps(record, allow_nan=False).encode() + b"\n"
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            # If this fails too, half a line is left, which is dropped when the file is next read.
            with suppress(OSError):
                self._file.truncate(self._end)
            raise OSError(
                error.errno,
                f"writing results failed ({error.strerror}); the rows written before are safe:"
                " make room, then the same call goes on from there",
                str(self._path),
            ) from error
        self._end += len(line)


def describe_data(
    X: Any, y: Any, groups: Any, largest_train_size: int, test_size: int | None
) -> dict[str, Any]:
    """Describe what decides which architectures a trial draws.

    Parameters
    ----------
    X : array-like
        The architectures.
    y : ndarray of shape (n_samples,)
        Their accuracies.
    groups : ndarray of shape (n_samples,) or None
        Their groups.
    largest_train_size : int
        The number of known architectures that are drawn.
    test_size : int or None
        The number of predicted architectures.

    Returns
    -------
    dict
        Numbers, and fingerprints of the data.
    """
    return {
        "number of architectures": len(y),
        "X": fingerprint(X),
        "y": fingerprint(y),
        "groups": None if groups is None else fingerprint(groups),
        "largest train size": largest_train_size,
        "test_size": test_size,
    }


def describe_estimator(estimator: Any) -> dict[str, str]:
    """Describe the class and the parameters of an estimator.

    Parameters
    ----------
    estimator : estimator
        Anything with ``get_params``.

    Returns
    -------
    dict of str to str
        A text for each parameter that bears on predictions, equal if the parameter is. The seed
        does not count, because each trial sets its own.
    """
    parameters = estimator.get_params(deep=False)
    return {"class": _name(type(estimator))} | {
        name: _describe(parameters[name]) for name in sorted(set(parameters) - _IMMATERIAL)
    }


def _describe(value: Any) -> str:
    if isinstance(value, np.generic):
        value = value.item()
    if hasattr(value, "get_params") and not isinstance(value, type):
        described = describe_estimator(value)
        name = described.pop("class")
        return f"{name}({', '.join(f'{key}={text}' for key, text in described.items())})"
    if isinstance(value, Mapping):
        items = (f"{_describe(key)}: {_describe(item)}" for key, item in value.items())
        return f"{{{', '.join(items)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_describe, value))}]"
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(map(_describe, value)))}}}"
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    text = repr(value)
    # Long arrays are printed in part, other objects with their place in memory.
    if hasattr(value, "__array__") or " at 0x" in text:
        return f"{_name(type(value))} {fingerprint(value)[:16]}"
    return text


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def fingerprint(value: Any) -> str:
    """Return a text that is the same for the same data in any process.

    Parameters
    ----------
    value : object
        Architectures, accuracies or groups. Texts are the same in a list, an array and a Series.

    Returns
    -------
    str
        A sha256 in hexadecimal digits.
    """
    digest = hashlib.sha256()
    _feed(digest, value)
    return digest.hexdigest()


def _feed(digest: Any, value: Any) -> None:
    if hasattr(value, "to_numpy"):
        if hasattr(value, "columns"):
            _feed(digest, list(value.columns))
        value = value.to_numpy()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "biufc":
            digest.update(f"array {value.dtype.str} {value.shape} ".encode())
            digest.update(np.ascontiguousarray(value).data)
            return
        value = value.tolist()
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogatepass")
        digest.update(b"text %d " % len(data) + data)
    elif value is None or isinstance(value, Number):
        digest.update(f"number {value!r} ".encode())
    elif isinstance(value, Mapping):
        _feed(digest, list(value.items()))
    elif isinstance(value, list | tuple):
        digest.update(b"list %d " % len(value))
        for item in value:
            _feed(digest, item)
    elif is_dataclass(value) and not isinstance(value, type):
        _feed(digest, [_name(type(value)), *(getattr(value, part.name) for part in fields(value))])
    else:
        digest.update(f"object {joblib.hash(value)} ".encode())


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "emprox": __version__}
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions


def _check_data(path: Path, there: dict[str, Any], here: dict[str, Any]) -> None:
    if there == here:
        return
    changed = [name for name in here if there.get(name) != here[name]]
    # Those that are fingerprints say nothing to a reader.
    numbers = [name for name in changed if name not in ("X", "y", "groups")]
    told = _differences({name: there.get(name) for name in numbers}, {n: here[n] for n in numbers})
    others = [f"{name} differs" for name in changed if name not in numbers]
    raise ValueError(
        f"{path} holds results of other data: {', '.join([*filter(None, [told]), *others])}."
        f" Trials can only be compared on the same draws: {_OTHER_FILE}"
    )


def _check_estimator(path: Path, name: str, there: dict[str, str], here: dict[str, str]) -> None:
    if there != here:
        raise ValueError(
            f"the estimator {name!r} is not the one that {path} has results of"
            f" ({_differences(there, here)}): give it another name, or {_OTHER_FILE}"
        )


def _differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """Say what differs between two mappings."""
    changed = [name for name in {**there, **here} if there.get(name) != here.get(name)]
    return ", ".join(
        f"{name} was {one_line(str(there.get(name)), 100)} and is"
        f" {one_line(str(here.get(name)), 100)}"
        for name in changed
    )
