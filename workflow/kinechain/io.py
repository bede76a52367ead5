"""Reading and writing files: the formats that travel between rules (parquet, csv, json), each write atomic.

A file appears under its name whole or not at all: it is written beside its place and then renamed. Not-a-number is
`null` in json. Nothing here writes a date, a path or the name of a machine, so equal content gives equal bytes.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
import mmap
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from kinechain.errors import Problem, UserError, raise_if_any, write_problem

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from kinechain.cohort import Cohort

CSV_DIGITS = 10
"""Significant digits of a number in a csv that nobody asked to round."""


def write_bytes(content: bytes, path: Path) -> None:
    """Write `content` to `path`, whole or not at all; folders are made as needed.

    Raises UserError when the disk is full or may not be written.
    """
    try:
        _replace(path, content)
    except OSError as error:
        problem = write_problem(error, path.as_posix())
        if problem is None:
            raise
        raise UserError(problem) from None


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.chmod(0o666 & ~_umask())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(text: str, path: Path) -> None:
    """Write text as UTF-8 with newline line ends."""
    write_bytes(text.encode("utf-8"), path)


def sha256_file(path: Path) -> str:
    """Sha256 of a file's bytes, as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def as_paths(named: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Named inputs of a rule as paths: a name that holds one file gives a path, one that holds many gives a list."""
    return {
        name: Path(value) if isinstance(value, str | os.PathLike) else [Path(item) for item in value]
        for name, value in named
    }


def plain(value: Any) -> Any:
    """The value as json knows it: dataclasses and mappings as objects, arrays as lists, not-a-number as null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(plain(item) for item in value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str | int | bool) or value is None:
        return value
    return str(value)


def json_text(value: Any) -> str:
    """The json of a value, as `write_json` writes it."""
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def write_json(value: Any, path: Path, *, digits: int | None = None) -> None:
    """Write a value as json; keys keep their order, not-a-number and infinities become null.

    digits  significant digits of its numbers, for files that are published; all of them by default
    """
    write_text(json_text(value if digits is None else _rounded(plain(value), digits)), path)


def _rounded(value: Any, digits: int) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item, digits) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item, digits) for item in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


SEAL = "sha256_of_the_rest"
"""Last key of a sealed record."""


def write_sealed(record: Mapping[str, Any], path: Path, *, digits: int | None = None) -> None:
    """Write a record with its own digest as its last key, so that a digit that rots on the disk is seen.

    digits  significant digits of its numbers, for files that are published; all of them by default
    """
    kept = plain(record) if digits is None else _rounded(plain(record), digits)
    write_json({**kept, SEAL: _seal(kept)}, path)


def _seal(record: Any) -> str:
    """Digest of plain values: of their json in one line, which is made many times faster than one with indents."""
    return hashlib.sha256(json.dumps(record, ensure_ascii=False).encode()).hexdigest()


def read_json(path: Path) -> Any:
    """Read a json file this project wrote, without its seal where it has one.

    Raises UserError when it is damaged: when it is no json, or its seal is not its own.
    """
    with _telling_damage(path):
        value = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(value, dict) and SEAL in value and value.pop(SEAL) != _seal(value):
            raise ValueError("the seal is broken")
        return value


@contextmanager
def _telling_damage(path: Path) -> Iterator[None]:
    """A file that a step made and that no longer reads as it was written: its one remedy, in one line."""
    try:
        yield
    except (FileNotFoundError, UserError):
        raise
    except PermissionError:
        raise UserError(Problem(path.as_posix(), "its permissions forbid to read it", "Make it readable")) from None
    except Exception as error:  # noqa: BLE001 -- what a wrong byte makes a reader raise has no end: ArrowInvalid, KeyError ...
        what = f"this file is damaged and cannot be read ({type(error).__name__})"
        remedy = "Delete it and run `snakemake` again: what is missing is made anew"
        raise UserError(Problem(path.as_posix(), what, remedy)) from None


def read_yaml(path: Path) -> Any:
    """Read a yaml file as plain values; nothing in it is ever run.

    Raises UserError when the file is missing, is not yaml, or names one key twice, with line and column.
    """
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the C one where it was built
        """Safe loader that refuses a key given twice, where yaml would keep the last in silence."""

    def mapping(loader: Any, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = loader.construct_object(key_node, deep=deep)
            if isinstance(key, str | int | float | bool) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key `{key}` stands twice", key_node.start_mark
                )
            if isinstance(key, str | int | float | bool):
                seen.add(key)
        loader.flatten_mapping(node)
        return cast("dict[Any, Any]", yaml.SafeLoader.construct_mapping(loader, node, deep=deep))

    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(Problem(str(path), "the file does not exist", "Check its name and place")) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UserError(Problem(str(path), f"the file cannot be read: {reason}", "Save it as UTF-8 text")) from None
    try:
        return yaml.load(text, Loader=Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        what = getattr(error, "problem", None) or f"not readable as yaml: {getattr(error, 'reason', error)}"
        raise UserError(Problem(where, what, "Mend the yaml there")) from None
    except (ValueError, RecursionError) as error:
        raise UserError(Problem(str(path), f"not readable as yaml: {error}", "Mend the yaml")) from None


def read_once(path: Path) -> Any:
    """A yaml file, read once for as long as it stays as it is; what is given belongs to all who ask.

    Raises UserError as `read_yaml`.
    """
    state = path.stat() if path.exists() else None
    return _read_once(path, (state.st_mtime_ns, state.st_size) if state else ())


@functools.cache
def _read_once(path: Path, _state: tuple[int, ...]) -> Any:
    return read_yaml(path)


def yaml_positions(path: Path) -> dict[tuple[str | int, ...], tuple[int, int]]:
    """Where each key and item of a yaml file stands: path of keys -> (line, column), counted from 1."""
    import yaml

    places: dict[tuple[str | int, ...], tuple[int, int]] = {}

    def walk(node: Any, at: tuple[str | int, ...]) -> None:
        if isinstance(node, yaml.MappingNode):
            for key_node, value_node in node.value:
                key = (*at, str(key_node.value))
                places[key] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
                walk(value_node, key)
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                key = (*at, index)
                places[key] = (item.start_mark.line + 1, item.start_mark.column + 1)
                walk(item, key)

    node = yaml.compose(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    if node is not None:
        walk(node, ())
    return places


def write_table(frame: pd.DataFrame, path: Path, *, digits: int = CSV_DIGITS) -> None:
    """Write a table as csv (floats to `digits` significant digits, missing empty) or as parquet, by its suffix."""
    if path.suffix == ".parquet":
        import pyarrow as pa

        _write_arrow(pa.Table.from_pandas(frame, preserve_index=False), path, {})
    else:
        write_text(frame.to_csv(index=False, float_format=f"%.{digits}g", lineterminator="\n"), path)


def write_tables(tables: Mapping[str, pd.DataFrame], folder: Path, *, digits: int = CSV_DIGITS) -> None:
    """Write tables as csv files of one folder, each under its name; an empty one keeps its head."""
    for name, table in tables.items():
        write_table(table, folder / f"{name}.csv", digits=digits)


def read_table(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a csv or parquet this project wrote; an empty csv field is a missing value, all other text stays text.

    columns  of a parquet, those wanted; names it does not have are left out. All by default
    """
    import pandas as pd

    with _telling_damage(path):
        if path.suffix != ".parquet":
            return pd.read_csv(path, keep_default_na=False, na_values=[""])
        there = set(_sealed_schema(path).names)
        return pd.read_parquet(path, columns=None if columns is None else [name for name in columns if name in there])


FOLDER_SEAL = ".sha256.json"
"""File of a sealed folder that names the digest of each other file in it."""


def seal_folder(folder: Path) -> None:
    """Remember what each file of a folder holds, for `check_folder`: tables and pictures have no seal of their own."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    write_sealed({path.name: sha256_file(path) for path in files}, folder / FOLDER_SEAL)


def check_folder(folder: Path) -> None:
    """Raise UserError, a line each, for files of a sealed folder that are not what was written; unsealed ones pass."""
    seal = folder / FOLDER_SEAL
    if not seal.exists():
        return
    remedy = f"Delete the folder {folder.as_posix()} and run `snakemake` again: it is made anew"
    raise_if_any(
        Problem((folder / name).as_posix(), "this file is damaged: it is not what was written", remedy)
        for name, digest in read_json(seal).items()
        if not (folder / name).is_file() or sha256_file(folder / name) != digest
    )


ROW_GROUP = 1 << 16
"""Rows of a parquet file that are read together, at least."""


def _write_arrow(table: pa.Table, path: Path, metadata: Mapping[str, Any]) -> None:
    import io as buffers

    import pyarrow.parquet as pq

    kept = {key: value for key, value in (table.schema.metadata or {}).items() if key == b"pandas"}
    notes = {b"kinechain": json.dumps(plain(metadata), ensure_ascii=False, sort_keys=True).encode()} if metadata else {}
    sink = buffers.BytesIO()
    table = table.replace_schema_metadata({**kept, **notes})
    pq.write_table(table, sink, compression="zstd", row_group_size=ROW_GROUP, write_page_checksum=True)
    content = sink.getvalue()
    foot = _foot_of_parquet(content)
    write_bytes(content[:foot] + hashlib.sha256(content).digest() + content[foot:], path)


SEAL_BYTES = 32
"""Bytes of a parquet file's own digest. It stands between the values and the foot, where other readers do not look: the
foot says where each value begins, and is itself found from the end. Checksums of pages cover the values only."""


def _foot_of_parquet(content: bytes | mmap.mmap) -> int:
    """Where the foot of a parquet file begins: its length stands before the last four letters."""
    return len(content) - 8 - int.from_bytes(content[-8:-4], "little")


def _sealed_schema(path: Path) -> pa.Schema:
    """Columns and notes of a parquet file that this project wrote; ValueError when any bit of it has changed."""
    import pyarrow.parquet as pq

    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        foot = _foot_of_parquet(content)
        with memoryview(content) as bits:
            digest = hashlib.sha256(bits[: max(foot - SEAL_BYTES, 0)])
            digest.update(bits[max(foot, 0) :])
        if content[max(foot - SEAL_BYTES, 0) : max(foot, 0)] != digest.digest():
            raise ValueError("the seal is broken")
    return pq.read_schema(path)


def write_frame(frame: pd.DataFrame, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write a table as parquet with json metadata beside it in the same file."""
    import pyarrow as pa

    _write_arrow(pa.Table.from_pandas(frame, preserve_index=False), path, metadata)


def read_metadata(path: Path) -> dict[str, Any]:
    """The json metadata of a parquet file written by `write_frame`; empty when there is none."""
    with _telling_damage(path):
        metadata = _sealed_schema(path).metadata or {}
    return cast("dict[str, Any]", json.loads(metadata.get(b"kinechain", b"{}")))


def rough_rows(file: Path, columns: int) -> int:
    """About how many rows a file of data has, from its head and its size; 0 for one that is not there yet."""
    if not file.exists():
        return 0
    size = file.stat().st_size
    if file.suffix == ".parquet":
        import pyarrow.parquet as pq

        return int(pq.read_metadata(file).num_rows)
    if file.suffix in (".csv", ".tsv", ".txt"):
        with file.open("rb") as head:
            text = head.read(1 << 16)
        return size * text.count(b"\n") // max(len(text), 1)
    return size // (8 * max(columns, 1))


def _without_rows(path: Path) -> pd.DataFrame:
    import pyarrow.parquet as pq

    return cast("pd.DataFrame", pq.read_schema(path).empty_table().to_pandas())


def write_cohort(cohort: Cohort, path: Path) -> None:
    """Write a cohort as parquet: people (or a table of moments), and everything else as metadata."""
    import pandas as pd

    metadata = {
        field.name: getattr(cohort, field.name)
        for field in dataclasses.fields(cohort)
        if field.name not in ("people", "moments")
    } | {"kind": "people" if cohort.moments is None else "moments", "digest": cohort.digest}
    if cohort.moments is None:
        assert cohort.people is not None
        frame = cohort.people.copy()
    else:
        names = cohort.moments.names
        frame = pd.DataFrame(cohort.moments.covariance, columns=list(names))
        frame.insert(0, "mean", cohort.moments.mean)
        frame.insert(0, "n", float(cohort.moments.n))
        frame.insert(0, "name", list(names))
    write_frame(frame, path, metadata)


def read_cohort(path: Path, *, rows: bool = True) -> Cohort:
    """Read a cohort that `write_cohort` wrote.

    rows  False for the columns of its people without their rows, when those are to be read from the file bit by bit
    """
    from kinechain.cohort import Cohort, Finding, FlowStep
    from kinechain.numerics.moments import Moments

    metadata = read_metadata(path)
    kind = metadata.pop("kind")
    frame = read_table(path) if rows or kind == "moments" else _without_rows(path)
    metadata.pop("digest")
    metadata["flow"] = tuple(FlowStep(**step) for step in metadata["flow"])
    metadata["findings"] = tuple(Finding(**finding) for finding in metadata["findings"])
    if kind == "people":
        return Cohort(people=frame, moments=None, **metadata)
    names = tuple(str(name) for name in frame["name"])
    moments = Moments(
        names,
        frame["mean"].to_numpy(dtype=float),
        frame[list(names)].to_numpy(dtype=float),
        int(frame["n"].iloc[0]),
    )
    return Cohort(people=None, moments=moments, **metadata)
