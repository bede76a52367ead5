"""The parameter table: everything that asks "which parameters?" reads its rows; it can be written back as text."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from kinechain.syntax import FlatRow, Operator

Known = TypeVar("Known")


@dataclass(frozen=True, slots=True)
class Row:
    """One parameter of one group.

    lhs, op, rhs  as in the text; an intercept has op `~1` and an empty rhs
    group         from 1
    label         the user's label, or the plabel of the row it is equal to, else ""
    free          position among the free parameters from 1; rows that are equal share it; 0 when fixed
    fixed         value when fixed, NaN when free or (exo) to be taken from the sample
    start         the user's starting value, NaN for none
    lower, upper  bounds, infinite for none
    user          written in the text; False for an automatic row
    exo           a moment of the exogenous observed variables, taken from the sample
    plabel        the row's own name, `.p<number>.`
    """

    lhs: str
    op: Operator
    rhs: str
    group: int = 1
    label: str = ""
    free: int = 0
    fixed: float = math.nan
    start: float = math.nan
    lower: float = -math.inf
    upper: float = math.inf
    user: bool = True
    exo: bool = False
    plabel: str = ""


@dataclass(frozen=True, slots=True)
class ParameterTable:
    """The model as rows.

    rows         parameters, group after group
    definitions  `:=` rows in the order written
    constraints  `==`, `<`, `>` rows in the order written
    observed     observed variables: indicators, outcomes, exogenous ones, others, each in order of appearance
    latent       latent variables in order of appearance
    exogenous    observed variables whose moments are exogenous (fixed or not)
    n_groups     groups
    memory       what was worked out from the rows alone, kept for the next fit
    """

    rows: tuple[Row, ...]
    definitions: tuple[FlatRow, ...]
    constraints: tuple[FlatRow, ...]
    observed: tuple[str, ...]
    latent: tuple[str, ...]
    exogenous: tuple[str, ...]
    n_groups: int = 1
    memory: dict[str, Any] = field(init=False, default_factory=dict, compare=False, repr=False)

    @property
    def n_free(self) -> int:
        """Free parameters, those that are equal counted once."""
        return self.remember("n_free", lambda: max((row.free for row in self.rows), default=0))

    @property
    def n_asked(self) -> int:
        """Free parameters of the model itself, less what equality constraints settle.

        The moments of causes that nothing explains are left out.
        """
        causes = set(self.exogenous)

        def is_asked(row: Row) -> bool:
            return bool(row.free) and not (row.lhs in causes and (row.op == "~1" or row.rhs in causes))

        settled = sum(constraint.op == "==" for constraint in self.constraints)
        return self.remember("n_asked", lambda: len({row.free for row in self.rows if is_asked(row)}) - settled)

    @property
    def has_means(self) -> bool:
        """Whether intercepts are part of the model."""
        return self.remember("has_means", lambda: any(row.op == "~1" for row in self.rows))

    def remember(self, what: str, work: Callable[[], Known]) -> Known:
        """What follows from the rows alone, worked out once."""
        if what not in self.memory:
            self.memory[what] = work()
        known: Known = self.memory[what]
        return known

    def parameter_names(self) -> tuple[str, ...]:
        """A readable name for each free parameter: its label, or its first row as text (with its group, if several)."""
        names: dict[int, str] = {}
        for row in self.rows:
            if row.free and row.free not in names:
                own = row_name(row) + (f" (group {row.group})" if self.n_groups > 1 else "")
                names[row.free] = row.label if row.label and not row.label.startswith(".") else own
        return tuple(names[index] for index in range(1, self.n_free + 1))

    def first_rows(self) -> dict[str, int]:
        """Position in `rows` of the first row that bears each label or plabel."""

        def find() -> dict[str, int]:
            places: dict[str, int] = {}
            for position, row in enumerate(self.rows):
                for name in (row.label, row.plabel):
                    if name:
                        places.setdefault(name, position)
            return places

        return self.remember("first_rows", find)


def row_name(row: Row | FlatRow) -> str:
    """The relation as text: `y~x`, `x~~y`, `y~1`."""
    return f"{row.lhs}{row.op}{row.rhs}"


def write_table(table: ParameterTable) -> str:
    """The table as lavaan text: reading it again with the same options gives the same table."""
    lines: list[str] = []
    own = {row.plabel: row for row in table.rows}
    per_group = len(table.rows) // table.n_groups
    for at in range(per_group):
        rows = [table.rows[at + per_group * group] for group in range(table.n_groups)]
        first = rows[0]
        if not first.user:
            continue
        modifiers = _write_modifiers(rows, own, _is_first_loading(table, at))
        target = first.rhs or "1"
        op = "~" if first.op == "~1" else first.op
        # one term a modifier: readers differ in whether they take several before one variable
        lines.append(
            f"{first.lhs} {op} "
            + " + ".join(f"{modifier}*{target}" for modifier in modifiers or ["@"]).replace("@*", "")
        )
    lines += [f"{row.lhs} {row.op} {row.rhs}" for row in (*table.constraints, *table.definitions)]
    return "\n".join(lines) + "\n"


def _is_first_loading(table: ParameterTable, at: int) -> bool:
    row = table.rows[at]
    return row.op == "=~" and not any(other.op == "=~" and other.lhs == row.lhs for other in table.rows[:at])


def _write_modifiers(rows: list[Row], own: Mapping[str, Row], is_first_loading: bool) -> list[str]:
    def vector(words: list[str]) -> str:
        return words[0] if len(set(words)) == 1 else f"c({','.join(words)})"

    modifiers = []
    fixed = ["NA" if math.isnan(row.fixed) else repr(row.fixed) for row in rows]
    if is_first_loading or any(word != "NA" for word in fixed):
        modifiers.append(vector(fixed))
    labels = ["" if row.label.startswith(".") else row.label for row in rows]
    if any(labels):
        modifiers.append(vector([label or "NA" for label in labels]))
    targets = [
        row_name(own[row.label])
        for row in rows
        if row.label.startswith(".") and own[row.label].group == row.group and row.label != row.plabel
    ]
    if targets:
        modifiers.append(f'equal("{targets[0]}")')
    for kind in ("start", "lower", "upper"):
        values = [getattr(row, kind) for row in rows]
        if any(math.isfinite(value) for value in values):
            modifiers.append(f"{kind}({vector([repr(value) if math.isfinite(value) else 'NA' for value in values])})")
    return modifiers
