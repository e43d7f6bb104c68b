"""Published files: where they are kept, downloading them once, checking their content."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPException
from importlib import resources
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import urlopen

from tqdm.auto import tqdm

from ..utils._optional_imports import import_optional


class PublishedFile(NamedTuple):
    """A file that its authors have published: its address, content and size."""

    url: str
    sha256: str
    max_bytes: int


with (resources.files(__package__) / "data" / "published_files.csv").open() as _lines:
    PUBLISHED_FILES = {
        row["filename"]: PublishedFile(row["url"], row["sha256"], int(row["max_bytes"]))
        for row in csv.DictReader(_lines)
    }
# A download that is slower than this is given up, so that it cannot go on for ever.
_BYTES_PER_SECOND = 10_000
_SECONDS = 30


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

    Raises
    ------
    ImportError
        If neither is given and pooch, which knows the user's cache, is not installed.

    See Also
    --------
    clear_data_home : Delete the downloaded files.

    Examples
    --------
    >>> from emprox.datasets import get_data_home
    >>> get_data_home("benchmarks").name
    'benchmarks'
    """
    folder = data_home or os.environ.get("EMPROX_DATA_HOME")
    if not folder:
        purpose = "finding the folder for downloads (unless data_home= or EMPROX_DATA_HOME says it)"
        folder = import_optional("pooch", extra="data", purpose=purpose).os_cache("emprox")
    return Path(folder).expanduser()


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
    for filename in PUBLISHED_FILES:
        (folder / filename).unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def fetch_file(
    filename: str,
    data_home: str | os.PathLike[str] | None,
    download_if_missing: bool,
    verbose: bool,
) -> dict[str, str]:
    """Return path and address of a verified copy of a published file, downloaded if need be."""
    file = PUBLISHED_FILES[filename]
    path = get_data_home(data_home) / filename
    by_hand = (
        f"To provide the file yourself, download\n  {file.url}\nand save it as\n  {path}\n(sha256 "
        f"{file.sha256}). data_home= or the environment variable EMPROX_DATA_HOME can name another"
        " folder."
    )
    if path.exists():
        if (found := _sha256(path)) != file.sha256:
            raise OSError(
                f"{path} is not the published file: expected sha256 {file.sha256}, found {found}."
                f" Delete it to have it downloaded again. {by_hand}"
            )
    elif not download_if_missing:
        raise FileNotFoundError(f"{path} is missing and download_if_missing=False. {by_hand}")
    else:
        pooch = import_optional("pooch", extra="data", purpose=f"downloading {filename}")
        download = partial(_download, max_bytes=file.max_bytes, verbose=verbose)
        try:
            with _quiet(pooch.get_logger()):
                pooch.retrieve(
                    file.url, f"sha256:{file.sha256}", filename, path.parent, downloader=download
                )
        except (OSError, ValueError, HTTPException) as error:  # ValueError: another content
            if isinstance(error, HTTPError):
                error.close()
            raise OSError(f"could not download {filename}: {error}. {by_hand}") from error
    return {"url": file.url, "filename": str(path)}


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()


def _download(url: str, output: str, pooch: Any, *, max_bytes: int, verbose: bool) -> None:
    """Download within limits of size and time; pooch verifies the content."""
    deadline = monotonic() + _SECONDS + max_bytes / _BYTES_PER_SECOND
    with (
        urlopen(url, timeout=_SECONDS) as response,
        Path(output).open("wb") as file,
        tqdm(total=response.length, unit="B", unit_scale=True, disable=not verbose) as bar,
    ):
        while chunk := response.read1(2**16):  # what has come, not waiting for more
            file.write(chunk)
            bar.update(len(chunk))
            if file.tell() > max_bytes:
                raise OSError(f"more than the {max_bytes:,} bytes that the file has")
            if monotonic() > deadline:
                raise OSError(f"too slow, less than {_BYTES_PER_SECOND:,} bytes a second")


@contextmanager
def _quiet(logger: Any) -> Iterator[None]:
    """Keep pooch from reporting what it does."""
    level = logger.level
    logger.setLevel("WARNING")
    try:
        yield
    finally:
        logger.setLevel(level)
