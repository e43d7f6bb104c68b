"""Reading JSON out of files, archives and folders, in memory."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..utils._texts import one_line

# No benchmark that is read here has a tenth of it; what unpacks to more is none.
_MAX_BYTES = 50_000_000


def parse_json(content: str | bytes, name: object) -> Any:
    """Parse JSON, or raise a ValueError that names the file."""
    try:
        return json.loads(content, object_pairs_hook=_to_dict)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name}: not JSON as expected: {one_line(str(error), 200)}") from error


def read_archive(path: Path, is_wanted: Callable[[str], Any]) -> dict[str, Any]:
    """Read JSON files from a zip archive, or the folder of an unpacked one, sorted by name."""
    if path.is_dir():
        files = {file.relative_to(path).as_posix(): file for file in path.rglob("*.json")}
        contents = {name: files[name].read_bytes() for name in sorted(files) if is_wanted(name)}
    else:
        contents = _unpack(path, is_wanted)
    return {name: parse_json(data, f"{path}, member {name}") for name, data in contents.items()}


def _unpack(path: Path, is_wanted: Callable[[str], Any]) -> dict[str, bytes]:
    contents, n_left = {}, _MAX_BYTES
    with path.open("rb") as file:  # errors of opening have a file name, the others do not
        try:
            with zipfile.ZipFile(file) as archive:
                for name in sorted(filter(is_wanted, archive.namelist())):
                    # What the archive says of the size need not be true.
                    with archive.open(name) as stream:
                        contents[name] = stream.read(n_left + 1)
                    n_left -= len(contents[name])
                    if n_left < 0:
                        raise ValueError(f"unpacks to more than {_MAX_BYTES:,} bytes")
        except (
            *(zipfile.BadZipFile, zlib.error, OSError, EOFError),
            # Passwords, unknown ways to compress, and what was raised above.
            *(RuntimeError, ValueError),
        ) as error:
            reason = one_line(str(error), 200)
            raise ValueError(f"{path} is damaged, or no zip archive: {reason}") from error
    return contents


def _to_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dictionary of an object, in which json would silently drop repeated names."""
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError(f"a name is there twice among {', '.join(name for name, _ in pairs)}")
    return result
