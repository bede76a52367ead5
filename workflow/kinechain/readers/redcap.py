"""REDCap exports, raw or labels: a person's fields stand on several rows, one an event or a repeated instrument.

Events without data are absent, and that is no error. Which rows of a person belong together is told by the export's own
columns; a field filled in on two of them needs `visit` or `trial` in the cohort's yaml.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kinechain.errors import Problem, UserError, closest
from kinechain.raw_table import RawTable
from kinechain.readers.delimited import read_delimited

if TYPE_CHECKING:
    from kinechain.measures import Dictionary

ROW_KEYS = (
    ("redcap_event_name", "Event Name"),
    ("redcap_repeat_instrument", "Repeat Instrument"),
    ("redcap_repeat_instance", "Repeat Instance"),
)
"""Columns that tell rows of one record apart, as raw and as labels exports head them."""


def read_redcap(
    path: Path, shown: str, wanted: Sequence[str] | None, options: Mapping[str, Any], dictionary: Dictionary
) -> RawTable:
    """Columns of a REDCap csv export, with the rows of the chosen events.

    Raises UserError when a chosen event does not occur in the file.
    """
    event = str(options.get("event", ""))
    keys = [name for pair in ROW_KEYS for name in pair]
    asked = None if wanted is None else [*wanted, *keys, *([event] if event else [])]
    texts = (*options.get("text", ()), *keys)
    table = read_delimited(path, shown, asked, {**options, "text": texts}, dictionary)
    frame = table.frame
    present = tuple(name for name in dict.fromkeys([*([event] if event else []), *keys]) if name in frame.columns)
    if "events" in options:
        column = event or next((name for name in ROW_KEYS[0] if name in frame.columns), "")
        if column not in frame.columns:
            raise UserError(
                Problem(shown, "the export has no column of events", "Drop `events`, or name the column: `event:`")
            )
        there = {str(value) for value in frame[column].dropna().unique()}
        problems = [
            Problem(shown, f"the event `{name}` does not occur in column `{column}`", closest(str(name), there))
            for name in options["events"]
            if str(name) not in there
        ]
        if problems:
            raise UserError(*problems)
        frame = frame[frame[column].isin([str(name) for name in options["events"]])].reset_index(drop=True)
    return replace(table, frame=frame, row_keys=present)
