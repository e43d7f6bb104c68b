"""Reading JSON files out of archives and folders, in memory."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

# No file that is read here comes near it; what claims to be larger is no benchmark.
_MAX_BYTES = 50_000_000


def read_archive(path: Path, members: Iterable[str] | Callable[[str], bool]) -> dict[str, Any]:
    """Read JSON files from a zip archive, or from a folder into which it was unpacked.

    Parameters
    ----------
    path : pathlib.Path
        The archive or the folder.
    members : iterable of str, or callable
        Names of the files, or a function that says of a name whether the file is wanted.

    Returns
    -------
    dict of {str: object}
        What each file holds; sorted by name if a function was given.

    Raises
    ------
    FileNotFoundError
        If there is nothing at the path.
    ValueError
        If it is no complete archive, a member is missing or too large, or is not JSON.
    """
    if path.is_dir():
        contents = {file.relative_to(path).as_posix(): file for file in path.rglob("*.json")}
        names = _select(path, sorted(contents), members)
        return {name: _parse(path, name, contents[name].read_bytes()) for name in names}
    try:
        with zipfile.ZipFile(path) as archive:
            found = sorted(archive.namelist())
            return {
                name: _parse(path, name, _read_member(archive, path, name))
                for name in _select(path, found, members)
            }
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{path} is not a complete zip archive: {error}") from error


def _select(
    path: Path, found: list[str], members: Iterable[str] | Callable[[str], bool]
) -> list[str]:
    if callable(members):
        return [name for name in found if members(name)]
    wanted = list(members)
    for name in wanted:
        if name not in found:
            raise ValueError(f"{path} is not the archive that was expected: it has no {name}")
    return wanted


def _read_member(archive: zipfile.ZipFile, path: Path, name: str) -> bytes:
    size = archive.getinfo(name).file_size
    if size > _MAX_BYTES:
        raise ValueError(f"{path}, member {name}: {size:,} bytes are too many")
    # The archive says how large a member is, but does not have to tell the truth.
    with archive.open(name) as stream:
        return stream.read(_MAX_BYTES)


def _parse(path: Path, name: str, content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}, member {name}: not JSON: {error}") from error
