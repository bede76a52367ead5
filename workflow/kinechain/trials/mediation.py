"""From arm to outcome by way of the chain: mediators at the end of treatment, the outcome later, by intention to treat.

Every arm may reach every mediator and the outcome directly; without those arrows the product of the chain is biased
exactly where "effect yes, mechanism no" must be seen. Visits nobody saw stay in the likelihood, helped by the outcome
at the end of treatment, which those who left had shown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kinechain.effects import differentiate_effects
from kinechain.estimators import fit_model
from kinechain.fit import Fit
from kinechain.numerics import Array
from kinechain.numerics.normal_law import symmetric_root
from kinechain.numerics.sensitivity import slope_given_rho
from kinechain.spec import spec_from_text
from kinechain.trials.plan import TrialPlan
from kinechain.trials.trial import Trial

DRAWS = 20_000
"""Draws of the estimates from their normal law for the limits of products."""


@dataclass(frozen=True, slots=True)
class WayRow:
    """One way from an arm (against control) to a variable.

    way       total, direct, mediated (total less direct), chain (the product along the whole chain), path (any single
              way), edge (one arrow)
    path      variables along it, `->` between them
    outcome   construct it ends in
    """

    contrast: str
    arm: str
    outcome: str
    way: str
    path: str
    estimate: float
    std_error: float
    low: float
    high: float
    low_90: float
    high_90: float
    p_value: float
    unit: str


@dataclass(frozen=True, slots=True)
class RhoRow:
    """The last link, and the chain with it, if the residuals of its two ends correlate by rho."""

    contrast: str
    arm: str
    rho: float
    slope: float
    chain: float


@dataclass(frozen=True, slots=True)
class InteractionRow:
    """Whether the last mediator acts on the outcome alike in all arms: F test, people seen at both visits."""

    statistic: float
    df: float
    df_residual: float
    p_value: float
    n: int


@dataclass(frozen=True, slots=True)
class Mediated:
    """Everything about the ways from arm to outcome."""

    fit: Fit
    ways: tuple[WayRow, ...]
    sensitivity: tuple[RhoRow, ...]
    rho_at_zero: float
    interaction: InteractionRow | None


def indicator(arm: str) -> str:
    """Name of the 0/1 column of an arm."""
    return f"arm_{arm}"


def mediation_text(trial: Trial, plan: TrialPlan) -> str:
    """The model in lavaan syntax: one equation a mediator and one for the outcome, and the outcome's earlier value as
    auxiliary: explained by arms and all baselines, its residual free to go with all others."""
    assert plan.mediation is not None
    chain, outcome = plan.mediation.chain, plan.mediation.outcome
    arms = " + ".join(indicator(arm) for arm in trial.arms[1:])
    bl, after, later = plan.baseline, plan.after, plan.later
    lines = []
    for k, name in enumerate(chain):
        before = f"{chain[k - 1]}_{after} + " if k else ""
        lines.append(f"{name}_{after} ~ {before}{arms} + {name}_{bl}")
    lines.append(f"{outcome}_{later} ~ {chain[-1]}_{after} + {arms} + {outcome}_{bl}")
    baselines = " + ".join(f"{name}_{bl}" for name in (*chain, outcome))
    lines.append(f"{outcome}_{after} ~ {arms} + {baselines}")
    lines.append(f"{outcome}_{after} ~~ {outcome}_{later} + " + " + ".join(f"{name}_{after}" for name in chain))
    return "\n".join(lines)


def mediation_data(trial: Trial, plan: TrialPlan) -> dict[str, Array]:
    """Columns of the mediation model: `<construct>_<visit>` and arm indicators."""
    assert plan.mediation is not None
    data = {
        f"{name}_{visit}": trial.at(name, visit)
        for name in (*plan.mediation.chain, plan.mediation.outcome)
        for visit in trial.visits
    }
    return data | {indicator(arm): (trial.arm == a).astype(float) for a, arm in enumerate(trial.arms)}


def fit_mediation(trial: Trial, plan: TrialPlan) -> Fit:
    """The mediation model by full-information maximum likelihood."""
    spec = spec_from_text(mediation_text(trial, plan), "M10_mediation", "config/trial.yaml", missing="fiml")
    return fit_model(spec, mediation_data(trial, plan))


def follow_ways(trial: Trial, plan: TrialPlan, random: np.random.Generator, rhos: tuple[float, ...]) -> Mediated | None:
    """All ways from each arm of the plan to the last mediator and to the outcome.

    None when the trial lacks a variable of the chain, or an arm. Limits of products come from draws of the estimates
    (Monte Carlo intervals); MacKinnon, Lockwood & Williams (2004), Multivariate Behavioral Research 39, 99-128.
    """
    mediation = plan.mediation
    if mediation is None or any(name not in trial.values for name in (*mediation.chain, mediation.outcome)):
        return None
    fit = fit_mediation(trial, plan)
    if not fit.status.has_numbers:
        return Mediated(fit, (), (), math.nan, None)
    effects = differentiate_effects(fit)
    place = {effect.name: at for at, effect in enumerate(effects.plan.effects)}
    root = symmetric_root(fit.covariance)
    theta = fit.estimates + random.standard_normal((DRAWS, len(fit.estimates))) @ root.T
    arrows = _arrows(fit)
    end, last = f"{mediation.outcome}_{plan.later}", f"{mediation.chain[-1]}_{plan.after}"
    rows: list[WayRow] = []
    for name, arm in _against_control(trial, plan):
        start = indicator(arm)
        for target, construct in ((last, mediation.chain[-1]), (end, mediation.outcome)):
            of = trial.units.get(construct, "")
            for way, label in (("total", "total"), ("direct", "direct"), ("mediated", "total_indirect")):
                at = place[f"{label}:{start}->{target}"]
                draws = _evaluate(arrows, theta, start, target, way)
                rows.append(_row(name, arm, construct, way, f"{start}->{target}", effects.values[at], draws, of))
            chain = (start, *(f"{link}_{plan.after}" for link in mediation.chain), end)
            chain = chain[: chain.index(target) + 1]
            for effect in effects.plan.effects:
                if effect.kind == "indirect" and effect.path[0] == start and effect.path[-1] == target:
                    way = "chain" if effect.path == chain else "path"
                    draws = np.prod([theta[:, arrows[y, x]] for x, y in _steps(effect.path)], axis=0)
                    value = effects.values[place[effect.name]]
                    rows.append(_row(name, arm, construct, way, "->".join(effect.path), value, draws, of))
    rows += _edges(trial, plan, arrows, fit, theta)
    sensitivity, zero = _vary_rho(trial, plan, fit, arrows, rhos)
    return Mediated(fit, tuple(rows), tuple(sensitivity), zero, compare_slopes(trial, plan))


def draw_ways(
    fit: Fit, start: str, target: str, random: np.random.Generator, draws: int = DRAWS
) -> dict[str, tuple[float, Array]]:
    """Total, direct and mediated effect of one variable on another, each with draws of it (draws,) for its limits."""
    arrows = _arrows(fit)
    free = sorted(set(arrows.values()))
    short = {ends: free.index(at) for ends, at in arrows.items()}
    root = symmetric_root(fit.covariance[np.ix_(free, free)])
    theta = fit.estimates[free] + random.standard_normal((draws, len(free))) @ root.T
    here = fit.estimates[free][None]
    return {
        way: (float(_evaluate(short, here, start, target, way)[0]), _evaluate(short, theta, start, target, way))
        for way in ("total", "direct", "mediated")
    }


def _against_control(trial: Trial, plan: TrialPlan) -> list[tuple[str, str]]:
    assert plan.mediation is not None
    pairs = []
    for name in plan.mediation.contrasts:
        comparison = plan.comparison(name)
        if len(comparison.arms) == 1 and comparison.against == (plan.control,) and comparison.arms[0] in trial.arms:
            pairs.append((name, comparison.arms[0]))
    return pairs


def _arrows(fit: Fit) -> dict[tuple[str, str], int]:
    """(outcome, cause) -> position among the free parameters."""
    return {(row.lhs, row.rhs): row.free - 1 for row in fit.table.rows if row.op == "~" and row.free}


def _steps(path: tuple[str, ...]) -> list[tuple[str, str]]:
    return list(pairwise(path))


def _evaluate(arrows: dict[tuple[str, str], int], theta: Array, start: str, target: str, way: str) -> Array:
    """(D,) total, direct or mediated effect of start on target in every draw, by following all arrows."""
    direct = theta[:, arrows[target, start]] if (target, start) in arrows else np.zeros(len(theta))
    if way == "direct":
        return direct
    reached: dict[str, Array] = {start: np.ones(len(theta))}

    def total(name: str) -> Array:
        if name not in reached:
            reached[name] = np.zeros(len(theta))
            for (outcome, cause), at in arrows.items():
                if outcome == name:
                    reached[name] = reached[name] + theta[:, at] * total(cause)
        return reached[name]

    return total(target) if way == "total" else total(target) - direct


def _row(contrast: str, arm: str, outcome: str, way: str, path: str, value: float, draws: Array, unit: str) -> WayRow:
    low, low_90, high_90, high = (float(limit) for limit in np.quantile(draws, [0.025, 0.05, 0.95, 0.975]))
    tail = min(np.count_nonzero(draws <= 0), np.count_nonzero(draws >= 0))
    p_value = min(1.0, 2 * (int(tail) + 1) / (len(draws) + 1))
    return WayRow(
        contrast, arm, outcome, way, path, float(value), float(draws.std(ddof=1)), low, high, low_90, high_90, p_value,
        unit,
    )  # fmt: skip


def _edges(trial: Trial, plan: TrialPlan, arrows: dict[tuple[str, str], int], fit: Fit, theta: Array) -> list[WayRow]:
    assert plan.mediation is not None
    names = [*(f"{link}_{plan.after}" for link in plan.mediation.chain), f"{plan.mediation.outcome}_{plan.later}"]
    constructs = [*plan.mediation.chain, plan.mediation.outcome]
    rows = []
    for k, (cause, outcome) in enumerate(_steps(tuple(names))):
        at = arrows[outcome, cause]
        unit = f"{trial.units.get(constructs[k + 1], '')} per {trial.units.get(constructs[k], '')}"
        value, draws = float(fit.estimates[at]), theta[:, at]
        rows.append(_row("", "", constructs[k + 1], "edge", f"{cause}->{outcome}", value, draws, unit))
    return rows


def _vary_rho(
    trial: Trial,
    plan: TrialPlan,
    fit: Fit,
    arrows: dict[tuple[str, str], int],
    rhos: tuple[float, ...],
) -> tuple[list[RhoRow], float]:
    """The last link, and the chain through it, if the two residuals correlated by rho.

    Imai, Keele & Yamamoto (2010), Statistical Science 25, 51-71, for one mediator with its assignment randomised.
    Arms are randomised, so that the links from them need no such assumption; the links between mediators do, and are
    held at their estimates here.
    """
    assert plan.mediation is not None
    last, end = f"{plan.mediation.chain[-1]}_{plan.after}", f"{plan.mediation.outcome}_{plan.later}"
    variance = {
        row.lhs: float(fit.estimates[row.free - 1])
        for row in fit.table.rows
        if row.op == "~~" and row.lhs == row.rhs and row.free
    }
    slope = float(fit.estimates[arrows[end, last]])
    s_mediator, s_outcome = variance[last], variance[end] + slope**2 * variance[last]
    r = slope * math.sqrt(s_mediator / s_outcome)
    scale = math.sqrt(s_outcome / s_mediator)
    slopes = slope_given_rho(r, scale, np.array(rhos))
    rows = []
    for name, arm in _against_control(trial, plan):
        start = (indicator(arm), *(f"{link}_{plan.after}" for link in plan.mediation.chain))
        before = math.prod(float(fit.estimates[arrows[y, x]]) for x, y in _steps(start))
        rows += [
            RhoRow(name, arm, rho, float(value), before * float(value)) for rho, value in zip(rhos, slopes, strict=True)
        ]
    return rows, r


def compare_slopes(trial: Trial, plan: TrialPlan) -> InteractionRow | None:
    """F test of arm by last mediator on the outcome, given baselines of both; None with too few people seen."""
    from scipy.special import fdtrc

    assert plan.mediation is not None
    chain, outcome = plan.mediation.chain, plan.mediation.outcome
    m, y = trial.at(chain[-1], plan.after), trial.at(outcome, plan.later)
    rest = np.column_stack([trial.at(chain[-1], plan.baseline), trial.at(outcome, plan.baseline)])
    people = ~(np.isnan(m) | np.isnan(y) | np.isnan(rest).any(axis=1))
    A = len(trial.arms)
    arms = (trial.arm[people][:, None] == np.arange(A)).astype(float)
    small = np.column_stack([arms, m[people], rest[people]])
    large = np.column_stack([small, arms[:, 1:] * (m[people] - m[people].mean())[:, None]])
    n, q = large.shape
    if n <= q or np.linalg.matrix_rank(large) < q:
        return None
    left = [float(np.sum((y[people] - X @ np.linalg.lstsq(X, y[people], rcond=None)[0]) ** 2)) for X in (small, large)]
    df = float(A - 1)
    statistic = (left[0] - left[1]) / df / (left[1] / (n - q))
    return InteractionRow(statistic, df, float(n - q), float(fdtrc(df, n - q, statistic)), n)
