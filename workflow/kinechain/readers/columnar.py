"""Parquet: columns with types, read by Arrow; only the mapped columns are touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kinechain.errors import Problem, UserError
from kinechain.raw_table import RawTable, check_header

if TYPE_CHECKING:
    from kinechain.measures import Dictionary


def read_parquet(
    path: Path, shown: str, wanted: Sequence[str] | None, _options: Mapping[str, Any], _dictionary: Dictionary
) -> RawTable:
    """Columns of a parquet file. Raises UserError when it is none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path, memory_map=True)
        names = [str(name) for name in file.schema_arrow.names]
        check_header(names, wanted or (), shown)
        chosen = [name for name in names if wanted is None or name in set(wanted)]
        table = file.read(columns=chosen, use_threads=True)
        frame = table.to_pandas(split_blocks=True, self_destruct=True, ignore_metadata=True)
    except (pa.ArrowException, OSError, ValueError, OverflowError):
        raise UserError(Problem(shown, "this is not a whole parquet file", "Export it again")) from None
    return RawTable(frame, tuple(names))
