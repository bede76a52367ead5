"""The model spec: the question of a model, its rows, and how it is to be estimated; macros are written out here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from kinechain.errors import Problem, UserError, closest, raise_if_any
from kinechain.parameter_rows import ModelOptions, build_table
from kinechain.parameter_table import ParameterTable
from kinechain.syntax import FlatRow, parse_model

EstimatorName = str
Missing = Literal["listwise", "fiml"]
MODEL_KEYS: Final = (
    "name",
    "title",
    "question",
    "equations",
    "effects",
    "contrasts",
    "estimator",
    "missing",
    "interval",
    "claims",
    "edges",
    "assumptions",
    "compare",
    "fixed_x",
    "meanstructure",
    "growth",
    "group",
    "group_equal",
    "cluster",
    "ordered",
    "families",
)


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model: its question, its rows and how it is to be estimated.

    name         file name without suffix
    flat         rows as read, covariate macros written out
    options      what the text leaves open
    estimator    name in the registry
    missing      listwise or fiml
    covariates   variables that came from a macro only: adjusted for, not asked about
    unmeasured   equation (its outcome) -> covariates of its macro that the data lack
    contrasts    name -> effect -> weight: weighted sums of effects, see `plan_effects`
    compare      role in a comparison, such as the rival it stands for
    where        file the model came from, for messages
    memory       its tables, kept for the next fit
    """

    name: str
    flat: tuple[FlatRow, ...]
    options: ModelOptions = field(default_factory=ModelOptions)
    estimator: EstimatorName = "ml"
    missing: Missing = "listwise"
    title: str = ""
    question: str = ""
    claims: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    compare: str = ""
    covariates: tuple[str, ...] = ()
    unmeasured: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    contrasts: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    where: str = "model"
    memory: dict[tuple[int, bool], ParameterTable] = field(init=False, default_factory=dict, compare=False, repr=False)

    @property
    def table(self) -> ParameterTable:
        """The parameter table for one group."""
        return self.table_for(1)

    def table_for(self, n_groups: int) -> ParameterTable:
        """The parameter table for any number of groups, with intercepts where missing data or clusters need them."""
        means = self.missing == "fiml" or bool(self.options.cluster)
        key = (n_groups, means)
        if key not in self.memory:
            self.memory[key] = build_table(self.flat, self.options, n_groups, means=means, where=self.where)
        return self.memory[key]


def spec_from_text(text: str, name: str = "model", where: str = "model", **choices: Any) -> ModelSpec:
    """A spec from plain lavaan syntax; `choices` are fields of ModelSpec or ModelOptions."""
    options = {key: choices.pop(key) for key in tuple(choices) if key in ModelOptions.__dataclass_fields__}
    spec = ModelSpec(name, parse_model(text, where), ModelOptions(**options), where=where, **choices)
    build_table(spec.flat, spec.options, where=where)
    return spec


def build_spec(
    mapping: Mapping[str, Any],
    macros: Mapping[str, str | Iterable[str]] | None = None,
    available: Collection[str] | None = None,
    where: str = "model",
) -> ModelSpec:
    """A spec from a model file's content.

    mapping    the keys of MODEL_KEYS; `equations` is lavaan text, `effects` its `:=` part
    macros     name -> covariates (`age + sex`, or a list; a macro may name another)
    available  variables the data have, None to check no name
    where      file, for messages

    A term that comes from a macro is kept only where the data have it; the others are recorded in `unmeasured`. A term
    written out must exist. Raises UserError with all problems: unknown keys, text that cannot be read, unknown names.
    """
    unknown = [
        Problem(where, f"unknown key `{key}`", closest(str(key), MODEL_KEYS))
        for key in mapping
        if key not in MODEL_KEYS
    ]
    raise_if_any(unknown)
    equations, effects = str(mapping.get("equations") or ""), str(mapping.get("effects") or "")
    if not equations.strip():
        raise UserError(Problem(where, "`equations` is empty", "Write at least one equation, such as `y ~ x`"))
    flat, covariates, unmeasured = _write_macros_out(
        parse_model(equations, where), _read_macros(macros or {}), available, where
    )
    options = ModelOptions(
        fixed_x=bool(mapping.get("fixed_x", True)),
        meanstructure=mapping.get("meanstructure"),
        growth=bool(mapping.get("growth", False)),
        group=str(mapping.get("group") or ""),
        group_equal=_words(mapping.get("group_equal")),
        cluster=str(mapping.get("cluster") or ""),
        ordered=_words(mapping.get("ordered")),
        families=tuple((str(name), str(family)) for name, family in (mapping.get("families") or {}).items()),
    )
    missing = str(mapping.get("missing") or "listwise")
    if missing not in ("listwise", "fiml"):
        raise UserError(Problem(where, f"`missing: {missing}` is unknown", closest(missing, ("listwise", "fiml"))))
    spec = ModelSpec(
        name=str(mapping.get("name") or "model"),
        flat=flat + (parse_model(effects, where) if effects.strip() else ()),
        options=options,
        estimator=str(mapping.get("estimator") or "ml").lower(),
        missing=missing,  # type: ignore[arg-type]  # checked above
        title=str(mapping.get("title") or ""),
        question=str(mapping.get("question") or ""),
        claims=_words(mapping.get("claims")),
        assumptions=_words(mapping.get("assumptions")),
        compare=str(mapping.get("compare") or ""),
        covariates=covariates,
        unmeasured=unmeasured,
        contrasts={str(name): dict(weights) for name, weights in (mapping.get("contrasts") or {}).items()},
        where=where,
    )
    table = spec.table
    if available is not None:
        raise_if_any(unknown_variables(spec, table.observed, available, macros or {}))
    raise_if_any(unknown_edges(mapping.get("edges") or {}, spec))
    return spec


def _words(value: Any) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        return tuple(word.strip() for word in value.split(",") if word.strip())
    return tuple(str(word) for word in value)


def unknown_edges(edges: Iterable[str], spec: ModelSpec) -> list[Problem]:
    """A problem for each reason under `edges` that is given for no label of the model."""
    given = (one.values for row in spec.flat for one in row.modifiers if one.kind == "label")
    labels = {str(label) for values in given for label in values if label}
    return [
        Problem(spec.where, f"`{name}` under `edges` is no label of the equations", closest(str(name), labels))
        for name in edges
        if name not in labels
    ]


def unknown_variables(
    spec: ModelSpec, observed: Iterable[str], available: Collection[str], macros: Iterable[str] = ()
) -> list[Problem]:
    """A problem for each observed variable that the data lack, with the place of its first use.

    macros  names that might have been meant as well
    """
    known = {str(name) for name in available}
    problems = []
    for name in observed:
        absent = [part for part in (name.split(":") if name not in known else []) if part not in known]
        for part in absent:
            row = next((row for row in spec.flat if name in (row.lhs, row.rhs)), None)
            column = f":{row.column}" if row and row.rhs == name else ""
            place = f"{spec.where}:{row.line}{column}" if row else spec.where
            problems.append(Problem(place, f"`{part}` is not a column of the data", closest(part, {*known, *macros})))
    return problems


def _read_macros(macros: Mapping[str, str | Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """Each macro as its covariates, macros within macros written out."""
    texts = {
        name: tuple(word.strip() for word in value.split("+")) if isinstance(value, str) else tuple(value)
        for name, value in macros.items()
    }

    def members(name: str, above: tuple[str, ...]) -> tuple[str, ...]:
        if name in above:
            raise UserError(Problem("macros", f"`{name}` contains itself", "Write its covariates out"))
        found: list[str] = []
        for word in texts[name]:
            found.extend(members(word, (*above, name)) if word in texts else (word,))
        return tuple(dict.fromkeys(found))

    return {name: members(name, ()) for name in texts}


def _write_macros_out(
    flat: tuple[FlatRow, ...], macros: Mapping[str, tuple[str, ...]], available: Collection[str] | None, where: str
) -> tuple[tuple[FlatRow, ...], tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Rows without macros; the variables that came from macros only; per equation, what the data lack."""
    problems = [
        Problem(f"{where}:{row.line}", f"the macro `{row.rhs}` can only be a plain term of a regression")
        for row in flat
        if row.rhs in macros and (row.op != "~" or row.modifiers)
    ]
    raise_if_any(problems)
    written = {(row.lhs, row.rhs) for row in flat if row.op == "~"}
    named = {name for row in flat if row.op not in (":=", "==", "<", ">") for name in (row.lhs, row.rhs)}
    rows: list[FlatRow] = []
    covariates: list[str] = []
    unmeasured: dict[str, tuple[str, ...]] = {}
    for row in flat:
        if row.op != "~" or row.rhs not in macros:
            rows.append(row)
            continue
        members = [name for name in macros[row.rhs] if name != row.lhs and (row.lhs, name) not in written]
        present = [name for name in members if available is None or name in available]
        written.update((row.lhs, name) for name in members)
        rows.extend(replace(row, rhs=name) for name in present)
        covariates.extend(name for name in present if name not in named)
        lacking = tuple(name for name in members if name not in present)
        if lacking:
            unmeasured[row.lhs] = unmeasured.get(row.lhs, ()) + lacking
    return tuple(rows), tuple(dict.fromkeys(covariates)), unmeasured
