"""Files that are never half written."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path to write to, and move the file to its own path if all went well.

    Parameters
    ----------
    path : pathlib.Path
        Where the file is to be. A file of that name is replaced, and keeps its permissions. What
        is no file, such as a device or a pipe, is not replaced but written to.

    Yields
    ------
    pathlib.Path
        Where to write. It is in the same folder, so that moving the file is atomic.

    Raises
    ------
    OSError
        If the file cannot be written; nothing is left behind then, and the message names the file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from emprox.utils._files import replacing
    >>> path = Path(tempfile.mkdtemp()) / "numbers.txt"
    >>> with replacing(path) as temporary:
    ...     n_written = temporary.write_text("1 2 3")
    >>> path.read_text()
    '1 2 3'
    """
    target = path.resolve()  # a link stays a link
    try:
        if is_device(target):
            yield target
            return
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".emprox-") as folder:
            temporary = Path(folder) / target.name
            yield temporary
            if target.exists():
                shutil.copymode(target, temporary)
            temporary.replace(target)
    except OSError as error:
        if error.errno is None:
            raise
        # The name of the temporary file would say nothing to anybody.
        raise OSError(error.errno, error.strerror, str(path)) from error


def is_device(path: Path) -> bool:
    """Say whether there is something that must not be replaced by a file, such as a pipe.

    Parameters
    ----------
    path : pathlib.Path
        Where to look.

    Returns
    -------
    bool
        Whether there is, and it is neither a file nor a folder.
    """
    return path.exists() and not path.is_file() and not path.is_dir()
