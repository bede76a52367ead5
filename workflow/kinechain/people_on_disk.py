"""People in a parquet file, read a few at a time: for cohorts larger than memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinechain.numerics import Array


@dataclass(frozen=True, slots=True)
class RowsOnDisk:
    """Columns of a parquet file as an array (n, p) of which slices of rows are read when asked for.

    file   the parquet file
    names  a column each; `a:b` is the product of two that the file has no column for
    ends   (g,) row after the last of each row group

    The file is opened anew for each reading, so that processes may share this object. The row groups read last are
    kept: rows are asked for from the first to the last, again and again.
    """

    file: Path
    names: tuple[str, ...]
    ends: NDArray[np.int64]
    held: dict[int, Array] = field(default_factory=dict, repr=False, compare=False)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.ends[-1]) if self.ends.size else 0, len(self.names)

    def __getitem__(self, which: slice) -> Array:
        start, stop, step = which.indices(self.shape[0])
        if step != 1:
            raise ValueError("rows are read one after another")
        if stop <= start:
            return np.empty((0, len(self.names)))
        first, last = np.searchsorted(self.ends, [start, stop - 1], side="right").tolist()
        groups = range(first, last + 1)
        for old in [group for group in self.held if group not in groups]:
            del self.held[old]
        parts = []
        for group in groups:
            if group not in self.held:
                self.held[group] = self._read(group)
            begins = int(self.ends[group]) - len(self.held[group])
            parts.append(self.held[group][max(start - begins, 0) : stop - begins])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("rows on disk cannot be had without copying them")
        everything = self[:]
        self.held.clear()
        return everything.astype(np.float64 if dtype is None else dtype, copy=False)

    def _read(self, group: int) -> Array:
        import pyarrow.parquet as pq

        file = pq.ParquetFile(self.file, pre_buffer=False, page_checksum_verification=True)
        there = set(file.schema_arrow.names)
        factors = {name: [name] if name in there else name.split(":") for name in self.names}
        wanted = sorted({part for parts in factors.values() for part in parts})
        table = file.read_row_group(group, columns=wanted, use_threads=False)
        values = {name: table.column(name).to_numpy().astype(np.float64) for name in wanted}
        return np.column_stack([np.prod([values[part] for part in factors[name]], axis=0) for name in self.names])


@dataclass(frozen=True, slots=True)
class PeopleOnDisk(Mapping[str, Any]):
    """Columns of a parquet file by name, each read when asked for, and several together as `rows_of`."""

    file: Path
    names: tuple[str, ...]
    ends: NDArray[np.int64]

    def __getitem__(self, name: str) -> NDArray[Any]:
        import pyarrow.parquet as pq

        if name not in self.names:
            raise KeyError(name)
        table = pq.read_table(self.file, columns=[name], use_threads=False, page_checksum_verification=True)
        return np.asarray(table.column(0).to_numpy())

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def rows_of(self, names: Sequence[str]) -> RowsOnDisk:
        """Some columns as an array read slice by slice."""
        return RowsOnDisk(self.file, tuple(names), self.ends)


def open_people(file: Path) -> PeopleOnDisk:
    """The people of a parquet file, none of whom is read yet."""
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(file)
    sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    names = tuple(str(name) for name in pq.read_schema(file).names)
    return PeopleOnDisk(file, names, np.cumsum(np.array(sizes, np.int64)))
