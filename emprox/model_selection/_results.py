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

_APPLICATION = 0x656D7072  # "empr", in the header of the file
_VERSION = 1
_TABLE = (
    "CREATE TABLE trials (key TEXT PRIMARY KEY, predictor TEXT NOT NULL, result TEXT NOT NULL,"
    " checksum TEXT NOT NULL)"
)
# Seconds to wait for others that write.
_TIMEOUT = 60.0


class ResultsFile:
    """Results of trials by the hash of all that they depend on; every one is written at once."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path).absolute()  # the same in other processes
        with self._open() as connection:
            if self._is_empty(connection):
                # Only one of several processes that begin together makes the table.
                connection.execute("BEGIN IMMEDIATE")
                if self._is_empty(connection):
                    connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                    connection.execute(f"PRAGMA user_version = {_VERSION}")
                    connection.execute(_TABLE)
                connection.execute("COMMIT")
            header = [
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("application_id", "user_version")
            ]
            if header != [_APPLICATION, _VERSION]:
                raise self._foreign("it is a database of something else or of another version")

    def read(self) -> dict[str, dict[str, Any]]:
        """Return all results, by key."""
        results = {}
        with self._open() as connection:
            for key, text, checksum in connection.execute(
                "SELECT key, result, checksum FROM trials"
            ):
                if _checksum(key, text) != checksum:
                    raise self._foreign(f"the result {key!r:.20} is damaged")
                results[key] = json.loads(text)
        return results

    def write(self, key: str, predictor: str, result: dict[str, Any]) -> None:
        """Add a result, or replace that of its key."""
        text = json.dumps(result)
        with self._open() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO trials VALUES (?, ?, ?, ?)",
                (key, predictor, text, _checksum(key, text)),
            )

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

    @staticmethod
    def _is_empty(connection: sqlite3.Connection) -> bool:
        return not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]

    def _foreign(self, reason: str) -> ValueError:
        return ValueError(
            f"{self._path} is no intact results file of evaluate_predictors: {reason}. It is left"
            " as it is; give another name as results, or move it away to begin anew"
        )


def _checksum(key: str, text: str) -> str:
    return hashlib.sha256(f"{key} {text}".encode()).hexdigest()
