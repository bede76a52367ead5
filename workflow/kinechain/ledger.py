"""The ledger: every number that reaches a reader, under a key, with its rule, its inputs and its seed.

Prose and tables take numbers from here and nowhere else. Asking for a key that does not exist is an error of the
build, never a hole in a sentence.
"""

from __future__ import annotations

import difflib
import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from kinechain.rounding import count_text, is_number, number_text, p_text, percent_text, published


class UnknownKeyError(KeyError):
    """A sentence or table asked for a number the ledger does not hold."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class Entry:
    """One number that a reader may see.

    key     path of the number, as `effects/<model>/<effect>/estimate`
    value   the number to six significant digits; None when it could not be computed, and the text says so
    error   its standard error in the same unit, or None
    text    how it is printed
    rule    what computed it, in words
    inputs  names of the tables it came from
    seed    seed of the draws behind it, or None when nothing was drawn
    """

    key: str
    value: float | int | str | None
    error: float | None
    text: str
    rule: str
    inputs: tuple[str, ...] = ()
    seed: int | None = None


@dataclass(slots=True)
class Ledger:
    """Entries by key, in the order they were written. A key is written once."""

    _entries: dict[str, Entry] = field(default_factory=dict)

    def __getitem__(self, key: str) -> Entry:
        try:
            return self._entries[key]
        except KeyError:
            near = difflib.get_close_matches(key, self._entries, n=1)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            raise UnknownKeyError(f"The ledger has no number `{key}`.{hint}") from None

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: Entry) -> None:
        """Write an entry; the same key with another number is a contradiction and refused."""
        known = self._entries.get(entry.key)
        if known is not None and known != entry:
            raise ValueError(f"The ledger holds `{entry.key}` already, with another content.")
        self._entries[entry.key] = entry

    def number(
        self,
        key: str,
        value: object,
        *,
        rule: str,
        inputs: tuple[str, ...] = (),
        error: object = None,
        seed: int | None = None,
        text: str | None = None,
    ) -> None:
        """Write a number, printed to its error's digit (or to three significant digits without one)."""
        spread = published(float(error)) if is_number(error) else None  # type: ignore[arg-type]  # is_number saw it
        shown = number_text(value, spread) if text is None else text
        kept = published(float(value)) if is_number(value) else None  # type: ignore[arg-type]  # is_number saw it
        self.add(Entry(key, kept, spread, shown, rule, inputs, seed))

    def count(self, key: str, value: object, *, rule: str, inputs: tuple[str, ...] = (), masked: bool = False) -> None:
        """Write a count of people, values or models; a masked one says so and holds no number."""
        if masked or not is_number(value):
            self.add(Entry(key, None, None, "masked" if masked else "–", rule, inputs))
        else:
            whole = int(float(value))  # type: ignore[arg-type]  # is_number has seen it
            self.add(Entry(key, whole, None, count_text(whole), rule, inputs))

    def p_value(self, key: str, value: object, *, rule: str, inputs: tuple[str, ...], seed: int | None = None) -> None:
        """Write a p value."""
        kept = published(float(value)) if is_number(value) else None  # type: ignore[arg-type]  # is_number saw it
        self.add(Entry(key, kept, None, p_text(value), rule, inputs, seed))

    def share(self, key: str, value: float, *, rule: str, inputs: tuple[str, ...] = ()) -> None:
        """Write a share between 0 and 1, printed in per cent."""
        self.add(Entry(key, published(value), None, percent_text(value), rule, inputs))

    def to_json(self) -> str:
        """A json object, a line an entry: key -> value, error, text, rule, inputs, seed."""
        # One writer for all, and each rule once: there are tens of thousands of entries, and few rules.
        write = functools.lru_cache(maxsize=None, typed=True)(json.JSONEncoder(ensure_ascii=False).encode)
        lines = ",\n".join(
            f'{json.dumps(it.key)}: {{"value": {write(it.value)}, "error": {write(it.error)}, '
            f'"text": {write(it.text)}, "rule": {write(it.rule)}, '
            f'"inputs": {write(it.inputs)}, "seed": {write(it.seed)}}}'
            for it in self
        )
        return f"{{\n{lines}\n}}\n"
