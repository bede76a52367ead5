"""Trials whose truth is known: arms, visits on unequal days, people who drop out, and what treatment does to whom.

A declared world. Variables are in problem space (higher is more of the problem) and in their own units. At the first
visit they follow their `baseline` causes, on the standardised scale. At each later visit

    y = mean + sum of coefficient * (source - its mean) + shift of the arm + moderation + noise

where a source is `variable@visit`, so that the equations of a visit are read off the declaration. Everything drawn is
synthetic and must be called so wherever it is shown.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from kinechain.errors import Problem, closest, raise_if_any
from kinechain.numerics import Array

if TYPE_CHECKING:
    import pandas as pd

Mechanism = Literal["completely_at_random", "at_random", "not_at_random"]


@dataclass(frozen=True, slots=True)
class TrialVariable:
    """One variable of the world.

    mean, sd   at the first visit
    later      whether it is measured again; if not, it is a baseline covariate
    shape      normal or binary (then `mean` is the share of ones)
    column     its name in the file; `sign` -1 when the file's column falls as the variable rises
    low, high  limits of the file's column; `step` its steps, 0 for none
    """

    name: str
    mean: float
    sd: float
    later: bool = True
    shape: Literal["normal", "binary"] = "normal"
    column: str = ""
    sign: int = 1
    low: float = -math.inf
    high: float = math.inf
    step: float = 0.0


@dataclass(frozen=True, slots=True)
class Equation:
    """How a variable comes about at a later visit.

    sources     `variable@visit` -> coefficient
    shift       arm -> change of the mean against no treatment
    moderation  arm -> {`variable@visit`: coefficient in that arm besides the common one}
    noise       standard deviation of what is not explained
    carry       correlation of that noise with the noise of the same variable at the visit before
    """

    sources: Mapping[str, float] = field(default_factory=dict)
    shift: Mapping[str, float] = field(default_factory=dict)
    moderation: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    noise: float = 1.0
    carry: float = 0.0


@dataclass(frozen=True, slots=True)
class Dropout:
    """Who stops coming.

    rate       visit -> arm (or `all`) -> share of those still there who leave before it
    mechanism  completely_at_random; at_random: the odds rise with the driver as last seen; not_at_random: with the
               driver as it would have been seen at the visit missed
    driver     variable; slope: log odds per baseline SD of it
    skipped    share of later visits missed by people who come back
    """

    rate: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    mechanism: Mechanism = "completely_at_random"
    driver: str = ""
    slope: float = 0.0
    skipped: float = 0.0


@dataclass(frozen=True, slots=True)
class TrialTruth:
    """A declared trial.

    arms      arm -> people randomised to it
    visits    visit -> planned day, in order of time; day_sd: spread of the days people really came on
    baseline  variable -> {cause: coefficient on the standardised scale} at the first visit
    later     visit -> variable -> equation, in causal order
    sites     people come from this many sites
    """

    name: str
    title: str
    seed: int
    arms: Mapping[str, int]
    visits: Mapping[str, float]
    variables: tuple[TrialVariable, ...]
    baseline: Mapping[str, Mapping[str, float]]
    later: Mapping[str, Mapping[str, Equation]]
    dropout: Dropout = Dropout()
    day_sd: float = 0.0
    sites: int = 1

    def __post_init__(self) -> None:
        raise_if_any(_mistakes(self))

    @property
    def by_name(self) -> dict[str, TrialVariable]:
        """Variables by name."""
        return {variable.name: variable for variable in self.variables}


@dataclass(frozen=True, slots=True)
class TrialDraw:
    """One trial drawn from a truth.

    arm     (n,)    index into the truth's arms
    site    (n,)
    values  variable -> (n, V) in problem space before rounding; a covariate fills only the first column
    day     (n, V)  day of each visit
    seen    (n, V)  whether the visit was attended
    """

    arm: NDArray[np.intp]
    site: NDArray[np.intp]
    values: Mapping[str, Array]
    day: Array
    seen: NDArray[np.bool_]

    def observed(self, name: str) -> Array:
        """(n, V) values of a variable with NaN at visits not attended."""
        return np.where(self.seen, self.values[name], np.nan)


def trial_truth_from(content: Mapping[str, Any], like: TrialTruth | None = None) -> TrialTruth:
    """A truth from the plain values of its file (shape: workflow/schemas/trial_truth.schema.yaml).

    like  the truth its key `like` names: whatever is not given here is taken from there; equations one by one
    """
    variables = dict(like.by_name) if like else {}
    for name, given in content.get("variables", {}).items():
        variables[name] = TrialVariable(name, **given)
    later: dict[str, dict[str, Equation]] = {
        visit: dict(equations) for visit, equations in (like.later if like else {}).items()
    }
    for visit, equations in content.get("later", {}).items():
        later.setdefault(visit, {}).update({name: Equation(**given) for name, given in equations.items()})
    dropout = Dropout(**content["dropout"]) if "dropout" in content else (like.dropout if like else Dropout())

    def own(key: str, default: Any) -> Any:
        return content[key] if key in content else getattr(like, key) if like else default

    return TrialTruth(
        name=content["name"],
        title=content["title"],
        seed=own("seed", 0),
        arms=own("arms", {}),
        visits=own("visits", {}),
        variables=tuple(variables.values()),
        baseline=own("baseline", {}),
        later=later,
        dropout=dropout,
        day_sd=own("day_sd", 0.0),
        sites=own("sites", 1),
    )


def trial_stream(truth: TrialTruth, number: int) -> np.random.Generator:
    """Random numbers of one trial of a truth; number 0 is the committed file. Other trials share none of them."""
    key = (zlib.crc32(truth.name.encode()), number)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(truth.seed, spawn_key=key)))


def population_means(truth: TrialTruth) -> dict[str, Array]:
    """Exact means of each variable: name -> (arms, visits), before limits and rounding of the file."""
    names, visits = list(truth.arms), list(truth.visits)
    means = {
        variable.name: np.full((len(names), len(visits)), float(variable.mean))
        for variable in truth.variables
        if variable.later
    }
    for v, visit in enumerate(visits):
        for name, equation in truth.later.get(visit, {}).items():
            for a, arm in enumerate(names):
                value = truth.by_name[name].mean + equation.shift.get(arm, 0.0)
                for source, coefficient in _sources(equation, arm):
                    cause, at = source.split("@")
                    if truth.by_name[cause].later:
                        value += coefficient * (means[cause][a, visits.index(at)] - truth.by_name[cause].mean)
                means[name][a, v] = value
    return means


def _sources(equation: Equation, arm: str) -> list[tuple[str, float]]:
    return [*equation.sources.items(), *equation.moderation.get(arm, {}).items()]


def draw_trial(truth: TrialTruth, random: np.random.Generator) -> TrialDraw:
    """People, their visits and what was so at each, drawn from the truth; arms are dealt in random order."""
    names, visits = list(truth.arms), list(truth.visits)
    arm = random.permutation(np.repeat(np.arange(len(names)), list(truth.arms.values())))
    n, V = len(arm), len(visits)
    site = random.integers(0, truth.sites, n)
    scores: dict[str, Array] = {}
    values: dict[str, Array] = {}
    left = _unexplained(truth)
    for variable in truth.variables:
        if variable.shape == "binary":
            start = (random.random(n) < variable.mean).astype(float)
            scores[variable.name] = (start - variable.mean) / math.sqrt(variable.mean * (1 - variable.mean))
        else:
            causes = truth.baseline.get(variable.name, {})
            pull = np.zeros(n)
            for cause, coefficient in causes.items():
                pull += coefficient * scores[cause]
            scores[variable.name] = pull + math.sqrt(left[variable.name]) * random.standard_normal(n)
            start = variable.mean + variable.sd * scores[variable.name]
        values[variable.name] = np.full((n, V), np.nan)
        values[variable.name][:, 0] = start
    noise: dict[str, Array] = {}
    for v, visit in enumerate(visits[1:], 1):
        for name, equation in truth.later[visit].items():
            fresh = random.standard_normal(n)
            e = equation.carry * noise[name] + math.sqrt(1 - equation.carry**2) * fresh if name in noise else fresh
            noise[name] = e
            value = truth.by_name[name].mean + equation.noise * e
            for source, coefficient in equation.sources.items():
                value = value + coefficient * _deviation(truth, values, source, visits)
            for label, shift in equation.shift.items():
                value = value + shift * (arm == names.index(label))
            for label, sources in equation.moderation.items():
                for source, coefficient in sources.items():
                    there = arm == names.index(label)
                    value = value + coefficient * there * _deviation(truth, values, source, visits)
            values[name][:, v] = value
    planned = np.array(list(truth.visits.values()), dtype=float)
    wander = truth.day_sd * random.standard_normal((n, V))
    wander[:, 0] = 0.0
    gap = np.min(np.diff(planned)) / 2 - 1 if V > 1 else 0.0
    day = planned + np.clip(np.round(wander), -gap, gap)
    return TrialDraw(arm, site, values, day, _attendance(truth, arm, values, random))


def _unexplained(truth: TrialTruth) -> dict[str, float]:
    """Share of each variable's variance at the first visit that its causes leave: its SD is then the declared one."""
    names = [variable.name for variable in truth.variables]
    R = np.eye(len(names))
    left = {}
    for i, name in enumerate(names):
        weights = np.zeros(len(names))
        for cause, coefficient in truth.baseline.get(name, {}).items():
            weights[names.index(cause)] = coefficient
        left[name] = 1 - float(weights @ R @ weights)
        if np.any(weights):
            R[i, :i] = R[:i, i] = (R @ weights)[:i]
    return left


def _deviation(truth: TrialTruth, values: Mapping[str, Array], source: str, visits: list[str]) -> Array:
    cause, at = source.split("@")
    deviation: Array = values[cause][:, visits.index(at)] - truth.by_name[cause].mean
    return deviation


def _attendance(
    truth: TrialTruth, arm: NDArray[np.intp], values: Mapping[str, Array], random: np.random.Generator
) -> NDArray[np.bool_]:
    names, visits = list(truth.arms), list(truth.visits)
    dropout = truth.dropout
    n = len(arm)
    there = np.ones(n, dtype=bool)
    seen = np.ones((n, len(visits)), dtype=bool)
    for v, visit in enumerate(visits[1:], 1):
        rates = dropout.rate.get(visit, {})
        rate = np.array([rates.get(name, rates.get("all", 0.0)) for name in names])[arm]
        share = rate
        if dropout.mechanism != "completely_at_random":
            driver = truth.by_name[dropout.driver]
            column = v if dropout.mechanism == "not_at_random" else v - 1
            score = (values[dropout.driver][:, column] - driver.mean) / driver.sd
            odds = rate / (1 - rate) * np.exp(dropout.slope * score)
            share = odds / (1 + odds)
        there &= random.random(n) >= share
        back = random.random(n) >= dropout.skipped if v < len(visits) - 1 else np.ones(n, dtype=bool)
        seen[:, v] = there & back
    return seen


def draw_trial_frame(truth: TrialTruth, random: np.random.Generator, *, wide: bool) -> pd.DataFrame:
    """A file of the trial as a data manager would hand it over: text in every field, empty where nothing was seen.

    Long: one row a visit attended. Wide: one row a person, columns `<name>_<visit>`. `synthetic` says so in every row.
    """
    import pandas as pd

    draw = draw_trial(truth, random)
    visits, names = list(truth.visits), list(truth.arms)
    n = len(draw.arm)
    person = {
        "subject": [f"T{number:0{len(str(n))}d}" for number in range(1, n + 1)],
        "synthetic": ["synthetic"] * n,
        "arm": [names[a] for a in draw.arm],
        "site": [f"site{s + 1}" for s in draw.site],
    }
    columns = [variable for variable in truth.variables if variable.column]
    if wide:
        frame: dict[str, Any] = dict(person)
        for v, visit in enumerate(visits):
            frame[f"DAY_{visit}"] = np.where(draw.seen[:, v], _text(draw.day[:, v], 1.0), "")
            for variable in columns:
                if variable.later or not v:
                    label = f"{variable.column}_{visit}" if variable.later else variable.column
                    written = _written(draw.values[variable.name][:, v], variable)
                    frame[label] = np.where(draw.seen[:, v], written, "")
        return pd.DataFrame(frame)
    rows = []
    for v, visit in enumerate(visits):
        part: dict[str, Any] = {**person, "visit": [visit] * n, "day": _text(draw.day[:, v], 1.0)}
        for variable in columns:
            empty = np.full(n, "", dtype=object)
            part[variable.column] = (
                _written(draw.values[variable.name][:, v], variable) if variable.later or not v else empty
            )
        rows.append(pd.DataFrame(part)[draw.seen[:, v]])
    return pd.concat(rows).sort_values("subject", kind="stable").reset_index(drop=True)


def _written(value: Array, variable: TrialVariable) -> Any:
    shown = variable.sign * value
    if variable.step:
        shown = np.round(shown / variable.step) * variable.step
    return _text(np.clip(shown, variable.low, variable.high), variable.step)


def _text(value: Array, step: float) -> Any:
    decimals = max(0, math.ceil(-math.log10(step) - 1e-9)) if step else 6
    # Adding zero turns -0.0 into 0.0, which no file writes.
    return np.array([f"{item:.{decimals}f}" for item in np.round(value, decimals) + 0.0], dtype=object)


def _mistakes(truth: TrialTruth) -> Iterator[Problem]:
    names = truth.by_name
    visits = list(truth.visits)
    if len(visits) < 2 or list(truth.visits.values()) != sorted(set(truth.visits.values())):
        yield Problem(
            truth.name, "a trial needs two visits or more on rising days", "Write `visits: {bl: 0, post: 84}`"
        )
    known: set[str] = {f"{name}@{visits[0]}" for name in names} if visits else set()
    for name, causes in truth.baseline.items():
        for word in (name, *causes):
            if word not in names:
                yield Problem(truth.name, f"`{word}` under baseline is not a variable", closest(word, names))
    order = list(names)
    early = [
        (name, cause)
        for name, causes in truth.baseline.items()
        for cause in causes
        if name in names and cause in names and order.index(cause) >= order.index(name)
    ]
    for name, cause in early:
        yield Problem(truth.name, f"`{cause}` causes `{name}` but is declared after it", "Declare causes first")
    if not early and all(name in names for causes in truth.baseline.values() for name in causes):
        for name, share in _unexplained(truth).items():
            if share <= 0:
                yield Problem(truth.name, f"the causes of `{name}` explain all of it or more", "Write smaller ones")
    for visit in visits[1:]:
        equations = truth.later.get(visit, {})
        for name in (variable.name for variable in truth.variables if variable.later):
            if name not in equations:
                yield Problem(truth.name, f"`{name}` has no equation at {visit}", f"Write one under `later: {visit}`")
        for name, equation in equations.items():
            where = f"{truth.name}: {name}@{visit}"
            sources = [*equation.sources, *(s for part in equation.moderation.values() for s in part)]
            for source in sources:
                if source not in known:
                    yield Problem(where, f"its source `{source}` is not known before it", closest(source, known))
            for arm in (*equation.shift, *equation.moderation):
                if arm not in truth.arms:
                    yield Problem(where, f"`{arm}` is not an arm", closest(arm, truth.arms))
            known.add(f"{name}@{visit}")
    if truth.dropout.mechanism != "completely_at_random" and truth.dropout.driver not in names:
        yield Problem(truth.name, "dropout that is not completely at random needs a driver", "Write `driver`")
