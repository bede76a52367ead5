"""Cohorts whose truth is known: a declared linear world, its exact population, and files drawn from it.

A truth is a recursive linear system. Variables are what is so: covariates as recorded and the true scores of what is
measured with error. Columns are what a file holds: a variable seen through a reliability, rounded, sometimes missing,
sometimes under a code. Causes act through variables, on the standardised scale. Everything drawn is synthetic and must
be called so wherever it is shown.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from kinechain.errors import Problem, UserError, closest, raise_if_any
from kinechain.numerics import Array
from kinechain.numerics.moments import Moments

if TYPE_CHECKING:
    import pandas as pd

Shape = Literal["normal", "gamma", "beta", "binary", "count"]


@dataclass(frozen=True, slots=True)
class Variable:
    """What is so about a person, on its own scale.

    mean, sd   in its own unit; of a binary variable the mean is the share of ones and sd follows from it
    shape      normal; gamma (from `low` upward); beta (between `low` and `high`); binary; count (whole numbers 0 to
               `high`, beta-binomial). Only a normal variable may have causes
    low, high  limits of the shape; for a normal variable values beyond are recorded at the limit
    step       it is recorded in steps of this size (0: as it is), and acts on others as recorded
    """

    name: str
    mean: float = 0.0
    sd: float = 1.0
    shape: Shape = "normal"
    low: float = -math.inf
    high: float = math.inf
    step: float = 0.0

    @property
    def rounding(self) -> float:
        """Variance its steps add; those of a whole-numbered shape are the shape itself and add none."""
        return 0.0 if self.shape in ("binary", "count") else _rounding(self.step)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the file: a variable as it was measured, or a sum of other columns.

    measures     the variable it shows; None when it is a sum of columns
    sum_of       column -> weight, when `measures` is None
    sign         -1 when the column falls as the variable rises
    mean, sd     of the column before rounding, in its unit; of a sum, what is added to it
    reliability  share of the column's variance that the variable makes
    shared       name of an error source that columns read from one picture share, "" for none
    share        share of the error variance that comes from that source
    low, high    values beyond are recorded at the limit
    step         size of the steps it is recorded in, 0 for none
    words        value -> text written in the file
    missing      share of values lost, each by itself (with a driver: the share where the driver is at its mean)
    together     name of a group of columns lost together, such as one film or one form
    driver       variable that makes a loss more likely: the log odds rise by `slope` per standard deviation of it
    codes        texts written for a lost value, one of them at random; "" is an empty field
    """

    name: str
    measures: str | None = None
    sum_of: Mapping[str, float] = field(default_factory=dict)
    sign: int = 1
    mean: float = 0.0
    sd: float = 1.0
    reliability: float = 1.0
    shared: str = ""
    share: float = 0.0
    low: float = -math.inf
    high: float = math.inf
    step: float = 0.0
    words: Mapping[float, str] = field(default_factory=dict)
    missing: float = 0.0
    together: str = ""
    driver: str = ""
    slope: float = 0.0
    codes: tuple[str, ...] = ("",)


@dataclass(frozen=True, slots=True)
class Truth:
    """A declared world.

    causes   variable -> {cause: coefficient on the standardised scale}; an unexplained part makes each variance one
    groups   name of a group of columns -> share of people who lack all of them
    n, seed  size of the committed file and root of every stream drawn from this truth
    """

    name: str
    title: str
    n: int
    seed: int
    variables: tuple[Variable, ...]
    causes: Mapping[str, Mapping[str, float]]
    columns: tuple[Column, ...]
    groups: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        raise_if_any(_mistakes(self))
        unexplained(self)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the variables, as declared."""
        return tuple(variable.name for variable in self.variables)


def truth_from(content: Mapping[str, Any], like: Truth | None = None) -> Truth:
    """A truth from the plain values of its file (shape: workflow/schemas/truth.schema.yaml).

    like  the truth its key `like` names: variables, columns and groups are taken from there, and those given here are
          added or put in their place; causes are never taken over
    """
    variables = {variable.name: variable for variable in like.variables} if like else {}
    columns = {column.name: column for column in like.columns} if like else {}
    for name, given in content.get("variables", {}).items():
        variables[name] = Variable(name, **_variable(given or {}))
    for name, given in content.get("columns", {}).items():
        columns[name] = _column(name, given, variables)
    return Truth(
        name=content["name"],
        title=content["title"],
        n=content.get("n", like.n if like else 0),
        seed=content.get("seed", like.seed if like else 0),
        variables=tuple(variables.values()),
        causes=content.get("causes", {}),
        columns=tuple(columns.values()),
        groups={**(like.groups if like else {}), **content.get("groups", {})},
    )


def _variable(given: Mapping[str, Any]) -> dict[str, Any]:
    if given.get("shape") == "binary":
        share = given["mean"]
        return {**given, "sd": math.sqrt(share * (1 - share)), "low": 0.0, "high": 1.0, "step": 1.0}
    return {"low": 0.0, "step": 1.0, **given} if given.get("shape") == "count" else dict(given)


def _column(name: str, given: Mapping[str, Any], variables: Mapping[str, Variable]) -> Column:
    """A column that gives no mean of its own shows its variable as it is, in the variable's unit."""
    shown = variables.get(given.get("measures", ""))
    own = {} if shown is None or "mean" in given else {"mean": shown.mean, "sd": shown.sd, "step": shown.step}
    words = {float(value): str(text) for value, text in given.get("words", {}).items()}
    codes = tuple(str(code) for code in given.get("codes", ("",)))
    return Column(name, **{**own, **given, "words": words, "codes": codes})


def with_reliability(truth: Truth, reliability: float | None = None, **of_column: float) -> Truth:
    """The same world measured better or worse.

    reliability  of every column that has error (those declared without error keep none)
    of_column    column -> reliability, in place of that

    Raises UserError for a column the world does not have.
    """
    known = {column.name for column in truth.columns}
    for name in of_column:
        if name not in known:
            raise UserError(Problem(truth.name, f"`{name}` is not a column", closest(name, known)))

    def better(column: Column) -> Column:
        if column.name in of_column:
            return replace(column, reliability=of_column[column.name])
        if reliability is None or column.reliability == 1.0:
            return column
        return replace(column, reliability=reliability)

    return replace(truth, columns=tuple(better(column) for column in truth.columns))


def causal_order(truth: Truth) -> tuple[str, ...]:
    """Variables so ordered that causes come before what they cause; ties as declared.

    Raises UserError when causes run in a circle.
    """
    placed: list[str] = []
    waiting = list(truth.names)
    while waiting:
        ready = next((name for name in waiting if set(truth.causes.get(name, {})) <= set(placed)), None)
        if ready is None:
            what = f"causes run in a circle among {', '.join(f'`{name}`' for name in waiting)}"
            raise UserError(Problem(truth.name, what, "Take one of these causes out; a truth has no loop"))
        placed.append(ready)
        waiting.remove(ready)
    return tuple(placed)


def unexplained(truth: Truth) -> dict[str, float]:
    """Share of each variable's variance that its causes leave unexplained.

    Raises UserError when the causes of a variable explain all of its variance or more.
    """
    order = causal_order(truth)
    index = {name: place for place, name in enumerate(order)}
    by_name = {variable.name: variable for variable in truth.variables}
    covariance = np.zeros((len(order), len(order)))
    left: dict[str, float] = {}
    for place, name in enumerate(order):
        row = np.zeros(len(order))
        for cause, coefficient in truth.causes.get(name, {}).items():
            row[index[cause]] = coefficient
        covariance[place, :] = covariance[:, place] = row @ covariance
        explained = float(row @ covariance @ row)
        left[name] = 1.0 - explained
        covariance[place, place] = 1.0 + by_name[name].rounding / by_name[name].sd ** 2
        if left[name] <= 0:
            what = f"the causes of `{name}` explain {explained:.2f} of its variance"
            raise UserError(Problem(truth.name, what, "Make its coefficients smaller; the sum must stay below 1"))
    return left


def _rounding(step: float) -> float:
    """Variance that rounding to steps adds to a smooth variable (Sheppard's correction)."""
    return step**2 / 12


def _rounding_again(column: Column, variable: Variable) -> float:
    """Variance a column's steps add: none where it shows, without error, a variable recorded in those very steps."""
    same = column.reliability == 1.0 and math.isclose(column.step * variable.sd, variable.step * column.sd)
    return 0.0 if same else _rounding(column.step)


def population(truth: Truth) -> Moments:
    """Moments of variables and columns in the endless population: the closed form.

    Values lost are not counted as lost. Limits are taken as out of reach; where a limit is reached often (short scales,
    items), the moments of that column are those of the scale without ends. Rounding adds a twelfth of the squared step
    (Sheppard), right to parts in a million when the step is below the standard deviation. n is 0: nobody was drawn.
    """
    names = (*truth.names, *(column.name for column in truth.columns))
    hidden = tuple(sorted({column.shared for column in truth.columns if column.shared}))
    index = {name: place for place, name in enumerate((*names, *(f"error of {source}" for source in hidden)))}
    size = len(index)
    A, S, intercept = np.zeros((size, size)), np.zeros(size), np.zeros(size)
    left = unexplained(truth)
    by_name = {variable.name: variable for variable in truth.variables}
    for variable in truth.variables:
        row = index[variable.name]
        intercept[row] = variable.mean
        S[row] = variable.sd**2 * left[variable.name] + variable.rounding
        for cause, coefficient in truth.causes.get(variable.name, {}).items():
            A[row, index[cause]] = coefficient * variable.sd / by_name[cause].sd
            intercept[row] -= A[row, index[cause]] * by_name[cause].mean
    for source in hidden:
        S[index[f"error of {source}"]] = 1.0
    for column in truth.columns:
        row = index[column.name]
        intercept[row] = column.mean
        if column.measures is None:
            S[row] = column.sd**2 + _rounding(column.step)
            for name, weight in column.sum_of.items():
                A[row, index[name]] = weight
            continue
        variable = by_name[column.measures]
        error = column.sd * math.sqrt(1 - column.reliability)
        A[row, index[variable.name]] = column.sign * column.sd * math.sqrt(column.reliability) / variable.sd
        intercept[row] -= A[row, index[variable.name]] * variable.mean
        S[row] = error**2 * (1 - column.share) + _rounding_again(column, variable)
        if column.shared:
            A[row, index[f"error of {column.shared}"]] = error * math.sqrt(column.share)
    inverse = np.linalg.inv(np.eye(size) - A)
    return Moments(tuple(index), inverse @ intercept, (inverse * S) @ inverse.T, 0).select(names)


def combined(moments: Moments, weights: Mapping[str, Mapping[str, float]]) -> Moments:
    """Moments of weighted sums: new name -> {name: weight}, such as minus the mean of two sides."""
    index = {name: place for place, name in enumerate(moments.names)}
    W = np.zeros((len(weights), len(index)))
    for row, parts in enumerate(weights.values()):
        for name, weight in parts.items():
            W[row, index[name]] = weight
    return Moments(tuple(weights), W @ moments.mean, W @ moments.covariance @ W.T, moments.n)


def stream(truth: Truth, cohort: int) -> np.random.Generator:
    """Random numbers of one cohort of a truth; cohort 0 is the committed file. Other cohorts share none of them."""
    key = (zlib.crc32(truth.name.encode()), cohort)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(truth.seed, spawn_key=key)))


def draw_variables(truth: Truth, n: int, random: np.random.Generator) -> dict[str, Array]:
    """True values of `n` people: variable -> (n,), on its own scale, in the order declared.

    Random numbers are spent in the order of declaration, so worlds that differ only in their causes share them.
    """
    left = unexplained(truth)
    by_name = {variable.name: variable for variable in truth.variables}
    own = {variable.name: _draw_shape(variable, n, random) for variable in truth.variables}
    values: dict[str, Array] = {}
    for name in causal_order(truth):
        variable = by_name[name]
        causes = truth.causes.get(name, {})
        value = own[name]
        if causes:
            pull = sum(
                coefficient * (values[cause] - by_name[cause].mean) / by_name[cause].sd
                for cause, coefficient in causes.items()
            )
            value = variable.mean + variable.sd * (pull + math.sqrt(left[name]) * (value - variable.mean) / variable.sd)
        values[name] = _record(value, variable.step, variable.low, variable.high)
    return {name: values[name] for name in truth.names}


def _draw_shape(variable: Variable, n: int, random: np.random.Generator) -> Array:
    mean, sd, low, high = variable.mean, variable.sd, variable.low, variable.high
    if variable.shape == "normal":
        return mean + sd * random.standard_normal(n)
    if variable.shape == "gamma":
        return low + random.gamma(((mean - low) / sd) ** 2, sd**2 / (mean - low), n)
    if variable.shape == "binary":
        return (random.random(n) < mean).astype(np.float64)
    a, b = _beta_parameters(variable)
    share = random.beta(a, b, n)
    if variable.shape == "beta":
        return low + (high - low) * share
    return random.binomial(int(high), share).astype(np.float64)


def _beta_parameters(variable: Variable) -> tuple[float, float]:
    """Parameters of the beta (or beta-binomial) distribution with the variable's mean, sd and limits."""
    span = variable.high - variable.low
    m = (variable.mean - variable.low) / span
    if variable.shape == "beta":
        total = m * (1 - m) * (span / variable.sd) ** 2 - 1
    else:
        spread = (variable.sd**2 / (span * m * (1 - m)) - 1) / (span - 1)
        total = 1 / spread - 1 if spread > 0 else -1.0
    return m * total, (1 - m) * total


def _record(value: Array, step: float, low: float, high: float) -> Array:
    if step:
        value = np.round(value / step) * step
    return np.clip(value, low, high) if math.isfinite(low) or math.isfinite(high) else value


def draw_columns(truth: Truth, values: Mapping[str, Array], random: np.random.Generator) -> dict[str, Array]:
    """What would be measured on these people if nothing were lost: column -> (n,), rounded and within its limits."""
    n = len(next(iter(values.values())))
    by_name = {variable.name: variable for variable in truth.variables}
    sources = sorted({column.shared for column in truth.columns if column.shared})
    errors = {source: random.standard_normal(n) for source in sources}
    seen: dict[str, Array] = {}
    for column in truth.columns:
        if column.measures is None:
            value = column.mean + sum(weight * seen[name] for name, weight in column.sum_of.items())
            if column.sd:
                value = value + column.sd * random.standard_normal(n)
        else:
            variable = by_name[column.measures]
            score = column.sign * (values[column.measures] - variable.mean) / variable.sd
            if column.reliability < 1:
                error = math.sqrt(1 - column.share) * random.standard_normal(n)
                if column.shared:
                    error = error + math.sqrt(column.share) * errors[column.shared]
                score = math.sqrt(column.reliability) * score + math.sqrt(1 - column.reliability) * error
            value = column.mean + column.sd * score
        seen[column.name] = _record(np.asarray(value), column.step, column.low, column.high)
    return seen


def draw_losses(truth: Truth, values: Mapping[str, Array], random: np.random.Generator) -> dict[str, Array]:
    """Which values are lost: column -> (n,) of 0 and 1, each column by itself and groups together."""
    n = len(next(iter(values.values())))
    by_name = {variable.name: variable for variable in truth.variables}
    groups = {name: random.random(n) < share for name, share in truth.groups.items()}
    lost: dict[str, Array] = {}
    for column in truth.columns:
        gone = groups.get(column.together, np.zeros(n, dtype=bool))
        if column.missing:
            share: Array | float = column.missing
            if column.driver:
                variable = by_name[column.driver]
                score = (values[column.driver] - variable.mean) / variable.sd
                odds = column.missing / (1 - column.missing) * np.exp(column.slope * score)
                share = odds / (1 + odds)
            gone = gone | (random.random(n) < share)
        lost[column.name] = gone.astype(np.float64)
    return lost


def draw_frame(truth: Truth, n: int, random: np.random.Generator) -> pd.DataFrame:
    """A file of `n` people as a clinic would hand it over: text in every field, lost values under their codes.

    The first two columns are `subject` and `synthetic`; the second says so in every row.
    """
    import pandas as pd

    values = draw_variables(truth, n, random)
    seen = draw_columns(truth, values, random)
    lost = draw_losses(truth, values, random)
    width = len(str(n))
    frame: dict[str, Any] = {
        "subject": [f"S{number:0{width}d}" for number in range(1, n + 1)],
        "synthetic": ["synthetic"] * n,
    }
    for column in truth.columns:
        text = _written(seen[column.name], column)
        gone = lost[column.name] > 0
        codes = np.array(column.codes, dtype=object)[random.integers(0, len(column.codes), n)]
        frame[column.name] = np.where(gone, codes, text)
    return pd.DataFrame(frame)


def _written(value: Array, column: Column) -> Any:
    if column.words:
        return np.array([column.words[float(item)] for item in np.round(value, 6) + 0.0], dtype=object)
    decimals = max(0, math.ceil(-math.log10(column.step) - 1e-9)) if column.step else 6
    # Adding zero turns -0.0 into 0.0, which no file writes.
    return np.array([f"{item:.{decimals}f}" for item in np.round(value, decimals) + 0.0], dtype=object)


def _mistakes(truth: Truth) -> Iterator[Problem]:
    names = set(truth.names)
    columns: set[str] = set()
    for name, causes in truth.causes.items():
        for word in (name, *causes):
            if word not in names:
                yield Problem(truth.name, f"`{word}` under causes is not a variable", closest(word, names))
    for variable in truth.variables:
        yield from _mistakes_of_variable(truth, variable)
    for column in truth.columns:
        yield from _mistakes_of_column(truth, column, columns)
        columns.add(column.name)


def _mistakes_of_variable(truth: Truth, variable: Variable) -> Iterator[Problem]:
    where = f"{truth.name}: {variable.name}"
    if variable.shape != "normal" and truth.causes.get(variable.name):
        yield Problem(where, f"a {variable.shape} variable has causes", "Only a normal variable may have causes")
    if variable.sd <= 0:
        yield Problem(where, "its standard deviation is not positive", "Write `sd` above 0")
    elif variable.shape in ("beta", "count"):
        if not (math.isfinite(variable.low) and math.isfinite(variable.high)):
            yield Problem(where, f"a {variable.shape} variable needs its limits", "Write `low` and `high`")
        elif not variable.low < variable.mean < variable.high or min(_beta_parameters(variable)) <= 0:
            yield Problem(where, "no such distribution: mean, sd and limits do not fit", "Change `sd` or the limits")
    elif variable.shape == "gamma" and not variable.low < variable.mean < math.inf:
        yield Problem(where, "its mean is not above its lower limit", "Write `low` below `mean`")


def _mistakes_of_column(truth: Truth, column: Column, before: set[str]) -> Iterator[Problem]:
    where = f"{truth.name}: {column.name}"
    names = set(truth.names)
    if (column.measures is None) == (not column.sum_of):
        yield Problem(where, "a column shows one variable or is a sum of columns", "Write `measures` or `sum_of`")
    for word in filter(None, (column.measures, column.driver)):
        if word not in names:
            yield Problem(where, f"`{word}` is not a variable", closest(word, names))
    for word in column.sum_of:
        if word not in before:
            yield Problem(where, f"`{word}` is not a column above it", closest(word, before))
    if column.name in names:
        yield Problem(where, "a column and a variable share this name", "Rename one of them")
    if not 0 < column.reliability <= 1 or not 0 <= column.share < 1 or not 0 <= column.missing < 1:
        yield Problem(where, "a share lies outside its limits", "Write reliability, share and missing between 0 and 1")
    if column.together and column.together not in truth.groups:
        yield Problem(where, f"`{column.together}` is not a group", closest(column.together, truth.groups))
