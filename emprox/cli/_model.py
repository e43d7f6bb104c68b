"""What the commands that work on the user's files have in common: reading and learning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..utils._texts import one_line
from ._csv_files import CsvFile, open_csv, to_number

if TYPE_CHECKING:
    from .. import EmProxRegressor
    from ..spaces import SearchSpace
    from ._networks import NetworkBuilder

PREDICTED_COLUMNS = ("predicted_accuracy", "predicted_std")


class Known:
    """The file of known architectures, and how architectures stand in it and in other files."""

    def __init__(
        self,
        source: str,
        space: SearchSpace,
        architecture_column: str,
        accuracy_column: str,
        builder: NetworkBuilder | None = None,
    ) -> None:
        self.space = space
        self.column = architecture_column
        self._builder = builder
        with open_csv(source) as self._file:
            header = self._file.header
            may_be_in_columns = space.is_open and not space.is_catalogue
            self._in_columns = may_be_in_columns and architecture_column not in header
            self.accuracies = self._file.numbers(accuracy_column, "--accuracy-column")
            self._columns = [architecture_column]
            if self._in_columns:
                self._columns = [name for name in header if name != accuracy_column]
            numbered = list(self.read(self._file))
        self._lines = [line for line, _ in numbered]
        self.architectures = [architecture for _, architecture in numbered]

    def read(self, file: CsvFile, keep_broken: bool = False) -> Iterator[tuple[int, Any]]:
        """Yield the line of each architecture of a file, and a text or a dict of decisions.

        Names of networks become networks, or an error says why not, which is raised or yielded.
        """
        positions = [file.position(name, "--architecture-column") for name in self._columns]
        for line, fields in file.rows():
            values = [fields[position] for position in positions]
            if self._in_columns:
                decisions = [to_number(value) if value else None for value in values]
                yield line, dict(zip(self._columns, decisions, strict=True))
            elif self._builder is None:
                yield line, values[0]
            else:
                network = self._builder.build(values[0])
                if isinstance(network, ValueError) and not keep_broken:
                    raise file.error(one_line(str(network)), line, self.column)
                yield line, network

    def learn(self, **parameters: Any) -> EmProxRegressor:
        """Fit a model."""
        from ._output import status

        with status(f"Learning from {len(self.accuracies):,} known architectures"):
            from .. import EmProxRegressor

            model = EmProxRegressor(self.space, **parameters)
            try:
                with self.explaining(self._file, self._lines):
                    return model.fit(self.architectures, self.accuracies)
            except ValueError as error:
                raise self._file.error(one_line(str(error))) from error

    @contextmanager
    def explaining(self, file: CsvFile | None, lines: Iterable[int]) -> Iterator[None]:
        """Say which line of a file is no architecture, and why."""
        from ..spaces import ArchitectureError

        try:
            yield
        except ArchitectureError as error:
            if file is None:
                raise
            message, column = one_line(error.message), self.column
            if self._in_columns:
                message += f" (no column {column!r}, so that all columns are read as decisions)"
            line = None if error.index is None else list(lines)[error.index]
            raise file.error(message, line, None if self._in_columns else column) from error
