"""What is asked of every result beside its verdict, and what the checks are given to answer it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kinechain.cohort import Cohort
from kinechain.decisions import Decisions
from kinechain.numerics import Array
from kinechain.numerics.moments import Moments, moments_from_data
from kinechain.spec import ModelSpec, build_spec

if TYPE_CHECKING:
    import pandas as pd

FILE = "config/checks.yaml"


EXPLORATORY = (
    "No claim is decided here. It is exploratory, unless config/checks.yaml was frozen before the data were seen; see "
    "Registration."
)
"""Said of curves and of paths that depend on a third variable."""


@dataclass(frozen=True, slots=True)
class Question:
    """An exposure, an outcome and what is held; the keys are those of config/checks.yaml."""

    exposure: str
    outcome: str
    mediator: str = ""
    moderator: str = ""
    path: str = ""
    adjust: str = ""
    at: str = ""
    contrast: str = ""
    cut: str = ""
    why: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        """Variables without which the question cannot be asked."""
        return tuple(name for name in (self.exposure, self.mediator, self.moderator, self.outcome) if name)

    @property
    def text(self) -> str:
        """The question for a table: exposure, mediator and outcome in order."""
        return " -> ".join(name for name in (self.exposure, self.mediator, self.outcome) if name)


@dataclass(frozen=True, slots=True)
class Instrument:
    """A variable assumed to reach some segments and, but through these, no other.

    name     the variable
    reaches  segments it acts on
    """

    name: str
    reaches: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """config/checks.yaml; paths of the edges are filled in from the claims by the caller.

    edges  (outcome, cause) of each path under stress, in the order of the chain
    """

    main_model: str
    edges: tuple[tuple[str, str], ...]
    product: str = ""
    total: Question | None = None
    atlas_models: tuple[str, ...] = ()
    time_order: tuple[tuple[str, ...], ...] = ()
    instruments: tuple[Instrument, ...] = ()
    alternatives: Mapping[str, tuple[str, ...]] | None = None
    negative_controls: tuple[Question, ...] = ()
    threshold: Question | None = None
    splines: tuple[Question, ...] = ()
    moderation: tuple[Question, ...] = ()
    natural_effects: tuple[Question, ...] = ()


def parse_plan(content: Mapping[str, Any], paths: Mapping[str, str]) -> CheckPlan:
    """The plan that config/checks.yaml holds.

    paths  claim -> `y~x`, for the claims that `edges` names; a claim without a path raises KeyError
    """
    edges = tuple((outcome, cause) for outcome, _, cause in (paths[claim].partition("~") for claim in content["edges"]))
    lists: dict[str, Any] = {
        key: tuple(Question(**question) for question in content.get(key, ()))
        for key in ("negative_controls", "splines", "moderation", "natural_effects")
    }
    total, threshold = (Question(**content[key]) if key in content else None for key in ("total", "threshold"))
    return CheckPlan(
        main_model=str(content["main_model"]),
        edges=edges,
        product=str(content.get("product", "")),
        atlas_models=tuple(content.get("atlas_models", ())),
        time_order=tuple(tuple(tier) for tier in content.get("time_order", ())),
        instruments=tuple(Instrument(name, tuple(ends)) for name, ends in content.get("instruments", {}).items()),
        alternatives={name: tuple(others) for name, others in content.get("alternatives", {}).items()},
        total=total,
        threshold=threshold,
        **lists,
    )


@dataclass(frozen=True, slots=True)
class Study:
    """One cohort with its models: what a check may look at.

    models     name -> spec, macros written out for this cohort
    macros     named covariate sets
    effects    effect table of the cohort's models, for benchmarks and the main result
    seed       of everything random in a check
    """

    cohort: Cohort
    models: Mapping[str, ModelSpec]
    macros: Mapping[str, str]
    plan: CheckPlan
    decisions: Decisions
    effects: pd.DataFrame
    seed: int

    def has(self, names: Sequence[str]) -> bool:
        """Whether the cohort has every one of these variables."""
        return set(names) <= set(self.cohort.variables)

    def covariates(self, adjust: str, outcome: str, *predictors: str) -> tuple[str, ...]:
        """The covariates a text names, macros written out.

        Left out are the variables asked about and those of a macro that the cohort lacks.

        Raises UserError for a name written out that the cohort lacks.
        """
        if not adjust:
            return ()
        mapping = {"name": "adjust", "equations": f"{outcome} ~ {' + '.join((*predictors, adjust))}"}
        spec = build_spec(mapping, self.macros, self.cohort.variables, FILE)
        return tuple(row.rhs for row in spec.flat if row.op == "~" and row.rhs not in (*predictors, outcome))

    def rows(self, names: Sequence[str]) -> Array:
        """Complete rows of some variables, (n, k); no rows for a cohort known by its moments only."""
        people = self.cohort.people
        if people is None:
            return np.empty((0, len(names)))
        values = people[list(names)].to_numpy(dtype=np.float64)
        return np.asarray(values[np.isfinite(values).all(axis=1)], dtype=np.float64)

    def moments(self, names: Sequence[str]) -> Moments:
        """Moments of some variables: of complete rows, or as published."""
        if self.cohort.moments is not None:
            return self.cohort.moments.select(tuple(names))
        return moments_from_data(tuple(names), self.rows(names))

    def parents(self, outcome: str) -> tuple[str, ...]:
        """Predictors of an outcome in the main model, in the order of its table."""
        spec = self.models[self.plan.main_model]
        return tuple(row.rhs for row in spec.table.rows if row.op == "~" and row.lhs == outcome)

    def orientation(self, construct: str) -> float:
        """+1 or -1: what a construct multiplies its measure by; 1 for a variable that is no construct."""
        measure = self.cohort.constructs.get(construct, construct)
        return self.measure_orientation(measure) or 1.0

    def measure_orientation(self, measure: str) -> float:
        """Orientation of a measure, 0 where it has none."""
        for entry in self.cohort.extra.get("codebook", ()):
            if entry["measure"] == measure:
                return float(entry.get("orientation") or 0)
        return 0.0

    def reliability(self, construct: str) -> float:
        """Reliability of the measure that stands for a construct; NaN where none is known."""
        measure = self.cohort.constructs.get(construct, construct)
        for entry in self.cohort.extra.get("codebook", ()):
            if entry["measure"] == measure and entry.get("reliability") is not None:
                return float(entry["reliability"])
        return float("nan")


def build_study(
    cohort: Cohort,
    models: Mapping[str, Mapping[str, Any]],
    macros: Mapping[str, str],
    plan: CheckPlan,
    decisions: Decisions,
    effects: pd.DataFrame,
    *,
    seed: int,
) -> Study:
    """A study from the content of its model files, macros written out for the cohort.

    models  name -> content of its file, estimator and missing-data method filled in
    """
    specs = {
        name: build_spec(content, macros, cohort.variables, f"config/models/{name}.yaml")
        for name, content in models.items()
    }
    return Study(cohort, specs, macros, plan, decisions, effects, seed)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found.

    name   of the check, and of its table
    table  tidy; empty when nothing could be asked
    notes  what could not be asked, and why
    """

    name: str
    table: pd.DataFrame
    notes: tuple[str, ...] = ()
