"""What claims are judged on: one cohort's effects, fits and draws, looked up by model and effect."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr, ndtri

from kinechain.decisions import Decisions
from kinechain.evidence.claim import Claim, Test
from kinechain.evidence.verdict import Limits
from kinechain.numerics import Array

if TYPE_CHECKING:
    import pandas as pd

    from kinechain.cohort import Cohort

CONVERGED = "converged"
WHOLE_FIT = "chi-square"
"""What a verdict names as its effect when it is about the fit of a model itself."""
UNKNOWN = Limits(math.nan, math.nan, math.nan, math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class Found:
    """One effect of one model on the scale a claim asks for.

    limits     estimate with its 95 % and 90 % limits
    std_error  in the same unit; from the interval's width where the table gives none
    unit       unit of the estimate
    n          people used
    draws      (r,) bootstrap or Monte Carlo draws that did not fail; empty when none were kept
    failed     share of draws that failed
    level      of the wider interval
    """

    model: str
    effect: str
    limits: Limits
    std_error: float
    unit: str
    n: int
    draws: Array
    failed: float
    level: float

    def p_against_zero(self) -> float:
        """Two-sided p-value against zero: by inversion of the percentile interval, else by the normal approximation.

        The inversion adds one draw to either side (Davison & Hinkley 1997, section 4.2.3), so it is never 0.
        """
        if len(self.draws):
            r = len(self.draws)
            tail = min(np.count_nonzero(self.draws <= 0), np.count_nonzero(self.draws >= 0))
            return min(1.0, 2 * (int(tail) + 1) / (r + 1))
        return float(2 * ndtr(-abs(self.limits.estimate) / self.std_error)) if self.std_error > 0 else math.nan

    def p_equivalence(self, bound: float) -> float:
        """P-value of the two one-sided tests against -bound and bound: the larger of the two tails."""
        if len(self.draws):
            r = len(self.draws)
            tail = max(np.count_nonzero(self.draws <= -bound), np.count_nonzero(self.draws >= bound))
            return (int(tail) + 1) / (r + 1)
        return float(ndtr(-((bound - abs(self.limits.estimate)) / self.std_error))) if self.std_error > 0 else math.nan


@dataclass(frozen=True, slots=True)
class Material:
    """One cohort's results.

    effects   (model, effect) -> row of the effect table
    fits      model -> what its fit file says
    draws     model -> table of draws, one column an effect (`std:` before the name when standardised)
    problems  construct -> an unsettled sign, unit or convention, as the data checks found it
    measures  construct -> measure that stands for it
    """

    design: str
    sampling_frame: str
    synthetic: bool
    n: int
    variables: tuple[str, ...]
    decisions: Decisions
    effects: Mapping[tuple[str, str], Mapping[str, Any]]
    fits: Mapping[str, Mapping[str, Any]]
    draws: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    measures: Mapping[str, str] = field(default_factory=dict)

    def is_fitted(self, model: str) -> bool:
        """Whether a model, or a check of that name, left anything for this cohort."""
        return model in self.fits or any(name == model for name, _ in self.effects)

    def test_of(self, claim: Claim) -> Test | None:
        """The first test of a claim whose model was fitted to this cohort."""
        return next((test for test in claim.tests if self.is_fitted(test.model)), None)

    def find(self, model: str, effect: str, scale: str) -> Found | None:
        """An effect on the raw or the standardised scale; None when the table has no such row."""
        row = self.effects.get((model, effect))
        if row is None:
            return None
        prefix = "standardised_" if scale == "standardised" else ""
        names = (
            "standardised" if prefix else "estimate",
            *(f"{prefix}{end}" for end in ("low", "high", "low_90", "high_90")),
        )
        limits = Limits(*(_number(row.get(name)) for name in names))
        level = _number(row.get("level"))
        level = self.decisions.value("level") if math.isnan(level) else level
        std_error = _number(row.get(f"{prefix}std_error"))
        if math.isnan(std_error):
            std_error = (limits.high - limits.low) / (2 * float(ndtri((1 + level) / 2)))
        attempted, failed = _number(row.get("draws")), _number(row.get("failed_draws"))
        return Found(
            model=model,
            effect=effect,
            limits=limits,
            std_error=std_error,
            unit="SD per SD" if prefix else str(row.get("unit") or ""),
            n=int(_number(row.get("n"), 0)),
            draws=self._draws(model, f"std:{effect}" if prefix else effect),
            failed=failed / attempted if attempted > 0 and failed > 0 else 0.0,
            level=level,
        )

    def _draws(self, model: str, column: str) -> Array:
        table = self.draws.get(model)
        if table is None or column not in table.columns:
            return np.empty(0)
        values = table[column].to_numpy(dtype=float)
        kept: Array = values[np.isfinite(values)]
        return kept

    def change(self, before: Found, after: Found, scale: str) -> Limits:
        """How much smaller an effect is after than before, draw by draw: both models saw the same resamples.

        Limits are NaN when the draws of either model were not kept or do not match.
        """
        prefix = "std:" if scale == "standardised" else ""
        tables = [self.draws.get(found.model) for found in (before, after)]
        columns = [f"{prefix}{found.effect}" for found in (before, after)]
        if any(table is None or name not in table.columns for table, name in zip(tables, columns, strict=True)):
            return UNKNOWN
        x, y = (table[name].to_numpy(dtype=float) for table, name in zip(tables, columns, strict=True))  # type: ignore[index] # None was ruled out above
        if len(x) != len(y):
            return UNKNOWN
        difference = (y - x)[np.isfinite(x) & np.isfinite(y)]
        low, low_90, high_90, high = np.quantile(difference, self._ends()) if len(difference) else [math.nan] * 4
        return Limits(
            after.limits.estimate - before.limits.estimate, float(low), float(high), float(low_90), float(high_90)
        )

    def _ends(self) -> list[float]:
        wide, narrow = (1 - self.decisions.value(name) for name in ("level", "equivalence_level"))
        return [wide / 2, narrow / 2, 1 - narrow / 2, 1 - wide / 2]

    def measure(self, model: str, name: str) -> float:
        """A fit measure of a model (chisq, df, pvalue, bic, logl …); NaN when it has none."""
        return _number(self.fits.get(model, {}).get("fit_measures", {}).get(name))

    def rmsea_of(self, model: str, effect: str) -> tuple[float, bool]:
        """RMSEA of the model an effect comes from, and whether an analysis fitted that model for this effect alone.

        NaN where no fit is known.
        """
        own = self.facts(model).get("rmsea") or {}
        return (_number(own[effect]), True) if effect in own else (self.measure(model, "rmsea"), False)

    def status_problem(self, model: str) -> str:
        """Why the numbers of a model cannot be used, or ""; a check has no fit and no such problem."""
        fit = self.fits.get(model)
        if fit is None:
            return ""
        status = str(fit.get("status", ""))
        text = str(fit.get("status_text") or status)
        return (
            "" if status.lower().startswith(CONVERGED) else f"the model {model} gave no estimates: {text.rstrip('.')}"
        )

    def facts(self, model: str) -> Mapping[str, Any]:
        """What an analysis says of itself beside its estimates: claims it cannot test, verdicts a shift overturns."""
        found: Mapping[str, Any] = self.fits.get(model, {}).get("facts") or {}
        return found

    def structural_parameters(self, model: str) -> float:
        """Free parameters of a model that are asked about: paths, loadings, and what they leave unexplained.

        Means, and moments of exogenous variables, are left out: where data have gaps they are estimated too, and if
        they are, an equation needs no more people. NaN for a model without a list of parameters.
        """
        rows = [row for row in self.fits.get(model, {}).get("parameters") or () if (row.get("se") or 0) > 0]
        if not rows:
            return self.measure(model, "npar")
        ends = {row["lhs"] for row in rows if row["op"] == "~"} | {row["rhs"] for row in rows if row["op"] == "=~"}
        kept = [row for row in rows if row["op"] in ("~", "=~")]
        kept += [row for row in rows if row["op"] == "~~" and row["lhs"] in ends and row["rhs"] in ends]
        return float(len(kept))

    def variables_of(self, model: str) -> frozenset[str]:
        """Variables a fitted model speaks of; empty where its fit lists no parameters."""
        rows = self.fits.get(model, {}).get("parameters") or ()
        return frozenset(str(row[side]) for row in rows if row["op"] in ("~", "~~") for side in ("lhs", "rhs"))

    def n_of(self, model: str) -> int:
        """People a model used."""
        fit = self.fits.get(model)
        return int(_number(fit.get("n_obs"), 0)) if fit else self.n

    def unmeasured(self, model: str, effect: str) -> tuple[str, ...]:
        """Declared covariates the cohort lacks, of the equations an effect touches (all of them for an effect that has
        no single equation)."""
        lacking: Mapping[str, Sequence[str]] = self.fits.get(model, {}).get("unmeasured") or {}
        outcome = effect.partition("~")[0]
        chosen = [lacking[outcome]] if outcome in lacking and "~" in effect else []
        if "~" not in effect:
            chosen = list(lacking.values())
        return tuple(sorted({str(name) for names in chosen for name in names}))


def gather(
    cohort: Cohort,
    decisions: Decisions,
    effects: pd.DataFrame,
    fits: Mapping[str, Mapping[str, Any]],
    draws: Mapping[str, pd.DataFrame] | None = None,
) -> Material:
    """The material of one cohort, from its tables."""
    rows: dict[tuple[str, str], Mapping[str, Any]] = {}
    for row in effects.to_dict("records"):
        rows[(str(row["model"]), str(row["effect"]))] = {str(key): value for key, value in row.items()}
    problems = {finding.measure: finding.what for finding in cohort.findings if finding.level == "error"}
    unsettled = {
        construct: problems[measure] for construct, measure in cohort.constructs.items() if measure in problems
    }
    return Material(
        design=cohort.design,
        sampling_frame=cohort.sampling_frame,
        synthetic=cohort.synthetic,
        n=cohort.n,
        variables=cohort.variables,
        decisions=decisions,
        effects=rows,
        fits=fits,
        draws=draws or {},
        problems=unsettled,
        measures=cohort.constructs,
    )


def _number(value: object, default: float = math.nan) -> float:
    try:
        number = float(value)  # type: ignore[arg-type] # None and text are what the except is for
    except (TypeError, ValueError):
        return default
    return number if math.isfinite(number) else default
