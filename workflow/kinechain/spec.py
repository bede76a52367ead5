"""The parameter table and the model spec: everything that asks "which parameters?" reads these.

Automatic rows follow lavaan's `sem()`: Rosseel (2012), Journal of Statistical Software 48(2), and the help page of
`lavaan::lavOptions`; tests/golden holds tables that lavaan made.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, Final, Literal, TypeVar

from kinechain.errors import Problem, UserError, closest, raise_if_any
from kinechain.syntax import FlatRow, Modifier, Operator, parse_model

EstimatorName = str
Missing = Literal["listwise", "fiml"]
Known = TypeVar("Known")

GROUP_EQUALITIES: Final = (
    "loadings",
    "intercepts",
    "means",
    "thresholds",
    "regressions",
    "residuals",
    "residual.covariances",
    "lv.variances",
    "lv.covariances",
)
"""What can be held equal across groups, under lavaan's names."""

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
class ModelOptions:
    """What the text leaves open, under lavaan's names and with the defaults of its `sem()`.

    fixed_x        moments of exogenous observed variables are taken as given
    meanstructure  intercepts are estimated; None: only where the model, the groups or the estimator need them
    growth         observed intercepts are zero, latent means are free
    group          column that names the group, "" for none
    group_equal    what is held equal across groups (GROUP_EQUALITIES)
    cluster        column that names the cluster, "" for none
    ordered        observed variables taken as ordered categories
    families       outcome -> family of its equation, for the estimator equationwise; normal where none is named
    rescale        moments given from outside have divisor n - 1 and are rescaled by (n - 1) / n
    """

    fixed_x: bool = True
    meanstructure: bool | None = None
    growth: bool = False
    group: str = ""
    group_equal: tuple[str, ...] = ()
    cluster: str = ""
    ordered: tuple[str, ...] = ()
    families: tuple[tuple[str, str], ...] = ()
    rescale: bool = True


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
    options: ModelOptions = ModelOptions()
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


# --- the table -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Roles:
    """Which part each variable plays."""

    latent: tuple[str, ...]
    observed: tuple[str, ...]
    exogenous: tuple[str, ...]
    pure_outcomes: tuple[str, ...]
    exogenous_latent: tuple[str, ...]


def _find_roles(flat: Iterable[FlatRow]) -> _Roles:
    rows = [row for row in flat if row.op not in (":=", "==", "<", ">")]
    latent = tuple(dict.fromkeys(row.lhs for row in rows if row.op == "=~"))
    indicators = dict.fromkeys(row.rhs for row in rows if row.op == "=~")
    outcomes = dict.fromkeys(row.lhs for row in rows if row.op == "~")
    predictors = dict.fromkeys(row.rhs for row in rows if row.op == "~")
    others = dict.fromkeys(name for row in rows for name in (row.lhs, row.rhs) if name and row.op not in ("|", "~*~"))
    threshold_owners = dict.fromkeys(row.lhs for row in rows if row.op in ("|", "~*~"))
    observed = tuple(
        name for name in {**indicators, **outcomes, **predictors, **others, **threshold_owners} if name not in latent
    )
    moments_written = {name for row in rows if row.op in ("~~", "~1") for name in (row.lhs, row.rhs)}
    exogenous = tuple(
        name
        for name in observed
        if name in predictors and name not in indicators and name not in outcomes and name not in moments_written
    )
    free_of_roles = [name for name in outcomes if name not in predictors and name not in indicators]
    return _Roles(
        latent,
        observed,
        exogenous,
        tuple(name for name in latent if name in free_of_roles) + tuple(n for n in observed if n in free_of_roles),
        tuple(name for name in latent if name not in indicators and name not in outcomes),
    )


def build_table(
    flat: Iterable[FlatRow],
    options: ModelOptions = ModelOptions(),
    n_groups: int = 1,
    levels: Mapping[str, int] | None = None,
    *,
    means: bool = False,
    where: str = "model",
) -> ParameterTable:
    """The parameter table of the rows read, automatic rows included, for any number of groups.

    levels  ordered variable -> number of categories; its thresholds `y | t1` ... become rows
    means   intercepts are needed whatever the text says (missing data, robust statistics)

    Raises UserError: a modifier vector whose length is not the number of groups, a relation with two labels, an unknown
    group equality, a formula that names no label, an observed outcome that is also declared ordered but has no
    categories.
    """
    flat = tuple(flat)
    roles = _find_roles(flat)
    relations = [row for row in flat if row.op not in (":=", "==", "<", ">")]
    problems = [
        Problem(where, f"`{word}` cannot be held equal across groups", closest(word, GROUP_EQUALITIES))
        for word in options.group_equal
        if word not in GROUP_EQUALITIES
    ]
    problems += [
        Problem(
            f"{where}:{row.line}:{row.column}",
            f"`{row_name(row)}` has {len(modifier.values)} {modifier.kind} values for {n_groups} "
            + ("group" if n_groups == 1 else "groups"),
            "Give one value, or one a group",
        )
        for row in relations
        for modifier in row.modifiers
        if len(modifier.values) not in (1, n_groups)
        and n_groups > 0
        and not (n_groups == 1 and options.group)  # the single-group view of a model for several groups
    ]
    for row in relations:
        labels = {modifier.values for modifier in row.modifiers if modifier.kind == "label"}
        if len(labels) > 1:
            place = f"{where}:{row.line}:{row.column}"
            problems.append(Problem(place, f"`{row_name(row)}` has {len(labels)} labels", "Keep one of them"))
    raise_if_any(problems)
    with_means = options.meanstructure
    if with_means is None or means:
        with_means = means or options.growth or n_groups > 1 or any(row.op == "~1" for row in relations)
    automatic = _automatic_rows(relations, roles, bool(with_means or options.ordered), levels or {})
    rows: list[Row] = []
    equal: dict[int, str] = {}
    for group in range(1, n_groups + 1):
        markers: set[str] = set()
        for row, user in [(row, True) for row in relations] + [(row, False) for row in automatic]:
            made = replace(_make_row(row, group, user), plabel=f".p{len(rows) + 1}.")
            target = _pick(row, "equal", group)
            if target:
                equal[len(rows)] = str(target)
            if made.op == "=~" and made.lhs not in markers:
                markers.add(made.lhs)
                told = any(modifier.kind == "fixed" for modifier in row.modifiers)
                if not told:
                    made = replace(made, fixed=1.0, free=0)
            if not user:
                made = _settle_automatic(made, roles, options, relations, levels or {})
            rows.append(made)
    rows = _hold_equal(rows, roles, options, equal, where)
    table = ParameterTable(
        tuple(rows),
        tuple(row for row in flat if row.op == ":="),
        tuple(row for row in flat if row.op in ("==", "<", ">")),
        roles.observed,
        roles.latent,
        roles.exogenous,
        n_groups,
    )
    raise_if_any(_unknown_labels(table, where) if n_groups > 1 or not options.group else ())
    return table


def _automatic_rows(
    relations: list[FlatRow], roles: _Roles, with_means: bool, levels: Mapping[str, int]
) -> list[FlatRow]:
    """Rows lavaan's `sem()` adds: variances, covariances of exogenous latents and of pure outcomes, exogenous moments,
    thresholds, intercepts."""
    written = {(row.lhs, row.op, row.rhs) for row in relations}
    inner = [name for name in roles.observed if name not in roles.exogenous]
    pairs = [(name, name) for name in (*inner, *roles.latent)]
    pairs += [*combinations(roles.exogenous_latent, 2), *combinations(roles.pure_outcomes, 2)]
    pairs += [(name, other) for at, name in enumerate(roles.exogenous) for other in roles.exogenous[at:]]
    rows = [
        FlatRow(left, "~~", right)
        for left, right in pairs
        if (left, "~~", right) not in written and (right, "~~", left) not in written
    ]
    for name in roles.observed:
        if name in levels:
            rows += [
                FlatRow(name, "|", f"t{number}")
                for number in range(1, levels[name])
                if (name, "|", f"t{number}") not in written
            ]
            rows += [FlatRow(name, "~*~", name)] if (name, "~*~", name) not in written else []
    if with_means:
        rows += [
            FlatRow(name, "~1", "")
            for name in (*inner, *roles.exogenous, *roles.latent)
            if (name, "~1", "") not in written
        ]
    return rows


def _pick(row: FlatRow, kind: str, group: int) -> float | str | None:
    """The last modifier of this kind, for this group."""
    found = [modifier for modifier in row.modifiers if modifier.kind == kind]
    if not found:
        return None
    values = found[-1].values
    return values[0] if len(values) == 1 else values[group - 1]


def _make_row(row: FlatRow, group: int, user: bool) -> Row:
    def number(kind: str, default: float) -> float:
        value = _pick(row, kind, group)
        return default if value is None else float(value)

    fixed = number("fixed", math.nan)
    return Row(
        row.lhs,
        row.op,
        row.rhs,
        group,
        str(_pick(row, "label", group) or ""),
        free=0 if math.isfinite(fixed) else 1,
        fixed=fixed,
        start=number("start", math.nan),
        lower=number("lower", -math.inf),
        upper=number("upper", math.inf),
        user=user,
    )


def _settle_automatic(
    row: Row, roles: _Roles, options: ModelOptions, relations: list[FlatRow], levels: Mapping[str, int]
) -> Row:
    """What an automatic row is fixed to, if anything."""
    if row.lhs in roles.exogenous and row.op in ("~~", "~1") and options.fixed_x:
        return replace(row, free=0, exo=True)
    if row.op == "~*~":
        return replace(row, free=0, fixed=1.0)
    if row.op == "~~" and row.lhs == row.rhs and row.lhs in levels:
        return replace(row, free=0, fixed=1.0)
    if row.op == "~~" and row.lhs == row.rhs:
        owners = [other.lhs for other in relations if other.op == "=~" and other.rhs == row.lhs]
        alone = any(sum(o.lhs == owner and o.op == "=~" for o in relations) == 1 for owner in owners)
        if alone:
            return replace(row, free=0, fixed=0.0)
    if row.op == "~1":
        is_latent = row.lhs in roles.latent
        if row.lhs in levels or (is_latent != options.growth and row.lhs not in roles.exogenous):
            return replace(row, free=0, fixed=0.0)
    return row


def _equality_of(row: Row, roles: _Roles) -> str:
    """Which word of GROUP_EQUALITIES a row falls under, "" for none."""
    is_latent = row.lhs in roles.latent
    if row.exo or row.lhs in roles.exogenous:
        return ""
    if row.op == "=~":
        return "loadings"
    if row.op == "~":
        return "regressions"
    if row.op == "|":
        return "thresholds"
    if row.op == "~1":
        return "means" if is_latent else "intercepts"
    if row.op == "~~" and row.lhs == row.rhs:
        return "lv.variances" if is_latent else "residuals"
    if row.op == "~~":
        return "lv.covariances" if is_latent else "residual.covariances"
    return ""


def _hold_equal(
    rows: list[Row], roles: _Roles, options: ModelOptions, equal: Mapping[int, str], where: str
) -> list[Row]:
    """Rows numbered: those with one label, held equal across groups, or named by `equal()` share a number."""
    held = set(options.group_equal)
    frees_scales = "thresholds" in held
    frees_means = ("intercepts" in held or frees_scales) and "means" not in held
    first: dict[tuple[str, str, str], int] = {}
    numbers: dict[str, int] = {}
    fixed_labels: dict[str, float] = {}
    rows = _name_equals(rows, equal, where)
    made: list[Row] = []
    for position, row in enumerate(rows):
        settled = row
        if frees_means and row.group > 1 and row.op == "~1" and row.lhs in roles.latent and not row.user:
            settled = replace(row, free=1, fixed=math.nan)
        if frees_scales and row.group > 1 and row.op == "~*~" and not row.user:
            settled = replace(row, free=1, fixed=math.nan)
        if settled.free and row.label in fixed_labels:
            settled = replace(row, free=0, fixed=fixed_labels[row.label])
        elif not settled.free and row.label and math.isfinite(settled.fixed):
            fixed_labels.setdefault(row.label, settled.fixed)
        if settled.free:
            key = (row.lhs, row.op, row.rhs)
            label = row.label
            if not label and _equality_of(row, roles) in held:
                at = first.setdefault(key, position)
                label = made[at].label or made[at].plabel if at < position and made[at].free else ""
                if label and not made[at].label:
                    made[at] = replace(made[at], label=label)
                    numbers[label] = made[at].free
            number = numbers.get(label, 0) if label else 0
            if not number:
                number = 1 + max((other.free for other in made), default=0)
                if label:
                    numbers[label] = number
            settled = replace(settled, label=label, free=number)
        made.append(settled)
        if settled.free:
            numbers.setdefault(settled.plabel, settled.free)
    return made


def _name_equals(rows: list[Row], equal: Mapping[int, str], where: str) -> list[Row]:
    """Rows where one with `equal()` and the row it names (by label or text, same group first) bear one label."""
    named = list(rows)
    for position, target in equal.items():
        row = named[position]
        if row.label:
            continue
        found = [
            at
            for at, other in enumerate(named)
            if at != position and other.free and target in (other.label, row_name(other))
        ]
        if not found:
            known = [row_name(other) for other in rows] + [other.label for other in rows if other.label]
            what = f'`equal("{target}")` names no free parameter'
            raise UserError(Problem(where, what, closest(target, known)))
        at = min(found, key=lambda at: (named[at].group != row.group, at))
        label = named[at].label or named[at].plabel
        named[at] = replace(named[at], label=label)
        named[position] = replace(row, label=label)
    return named


def _unknown_labels(table: ParameterTable, where: str) -> list[Problem]:
    labels = set(table.first_rows())
    shown = {label for label in labels if not label.startswith(".")}
    problems = []
    names: set[str] = set()
    for row in table.definitions:
        place = f"{where}:{row.line}:{row.column}" if row.line else where
        if row.lhs in names or row.lhs in labels:
            what = "is defined twice" if row.lhs in names else "is already the label of a parameter"
            problems.append(Problem(place, f"`{row.lhs}` {what}", "Choose another name"))
        assert row.right is not None
        for name in row.right.names:
            if name not in labels | names:
                problems.append(
                    Problem(
                        place,
                        f"`{name}` in the definition of `{row.lhs}` is neither a label nor defined above",
                        closest(name, shown | names),
                    )
                )
        names.add(row.lhs)
    for row in table.constraints:
        place = f"{where}:{row.line}:{row.column}" if row.line else where
        assert row.left is not None
        assert row.right is not None
        for name in (*row.left.names, *row.right.names):
            if name not in labels | names:
                what = f"`{name}` in the constraint `{row_name(row)}` is not a label"
                problems.append(Problem(place, what, closest(name, shown)))
    return problems


# --- and back to text ------------------------------------------------------------------------------------------------


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


def modifier(kind: str, *values: float | str) -> Modifier:
    """A modifier, for rows made in code."""
    return Modifier(kind, values)  # type: ignore[arg-type]  # the caller names one of the kinds
