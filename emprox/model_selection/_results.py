"""Finished trials in an SQLite file, which may be killed, shared and read again."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

_FORMAT = 0x656D7001  # in the header of the file
_MAKE_TABLE = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS trials (
    key TEXT PRIMARY KEY, predictor TEXT NOT NULL, result TEXT NOT NULL, checksum TEXT NOT NULL
);
PRAGMA application_id = {_FORMAT};
COMMIT;
"""
# Seconds to wait for others that write.
_TIMEOUT = 60.0


class ResultsFile:
    """Results of trials by the hash of all that they depend on; every one is written at once."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path).absolute()  # the same in other processes
        with self._open() as connection:
            if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                connection.executescript(_MAKE_TABLE)  # also by others at the same time
            if connection.execute("PRAGMA application_id").fetchone()[0] != _FORMAT:
                raise self._foreign("it is a database of something else or of another version")

    def read(self) -> dict[str, dict[str, Any]]:
        """Return all results, by key."""
        results = {}
        with self._open() as connection:
            rows = connection.execute("SELECT key, result, checksum FROM trials")
            for key, text, checksum in rows:
                if _checksum(key, text) != checksum:
                    raise self._foreign(f"the result {key!r:.20} is damaged")
                results[key] = json.loads(text)
        return results

    def write(self, key: str, predictor: str, result: dict[str, Any]) -> None:
        """Add a result, or replace that of its key."""
        text = json.dumps(result)
        with self._open() as connection:
            row = key, predictor, text, _checksum(key, text)
            connection.execute("INSERT OR REPLACE INTO trials VALUES (?, ?, ?, ?)", row)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            # Every statement that is not in a transaction is one.
            connection = sqlite3.connect(self._path, timeout=_TIMEOUT, isolation_level=None)
            with closing(connection):
                yield connection
        except sqlite3.OperationalError as error:
            raise OSError(f"the results file {self._path} cannot be used: {error}") from error
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise self._foreign(str(error)) from error

    def _foreign(self, reason: str) -> ValueError:
        return ValueError(
            f"{self._path} is no intact results file of evaluate_predictors: {reason}. It is left"
            " as it is; give another name as results, or move it away to begin anew"
        )


def _checksum(key: str, text: str) -> str:
    return hashlib.sha256(f"{key} {text}".encode()).hexdigest()
