"""A whole trial, analysed as its plan says: the effects claims are judged on, the facts beside them, the tables."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kinechain.cohort import Cohort
from kinechain.decisions import Decisions
from kinechain.trials.contrasts import ArmModel, ContrastRow, contrasts_of, distances, fit_arms, impossible
from kinechain.trials.effect_rows import (
    MODEL,
    contrast_effects,
    effect_name,
    factorial_effects,
    fits_behind,
    lag_effects,
    relapse_effects,
    response_effects,
    way_effects,
)
from kinechain.trials.factorial import cross_factors
from kinechain.trials.flow import analyses_of, trace_course
from kinechain.trials.lagged import trace_lags
from kinechain.trials.mediation import Mediated, follow_ways
from kinechain.trials.missing import MissingRow, complete_trial, vary_assumptions
from kinechain.trials.mixed import compare_with_intercepts
from kinechain.trials.plan import DELTA, REFERENCE, TrialPlan
from kinechain.trials.relapse import RelapseRow, compare_relapse, trace_relapse
from kinechain.trials.responders import ResponderRow, compare_responders
from kinechain.trials.trial import Trial, trial_from
from kinechain.trials.trial_tables import tables_of


@dataclass(frozen=True, slots=True)
class TrialResults:
    """Everything a report and the claims read of a trial.

    effects  contract of the effect table, model M10_trial
    tables   name -> tidy table: flow baseline trajectories contrasts responders relapse mediation mediator_rho
             unseen_visits tipping lags equal_lags
    facts    what verdicts need beside estimates: testable, non_inferior, overturned, tipping, df, left_out ...
    n        people randomised
    """

    effects: pd.DataFrame
    tables: Mapping[str, pd.DataFrame]
    facts: Mapping[str, Any]
    n: int


def analyse_trial(cohort: Cohort, plan: TrialPlan, decisions: Decisions, *, seed: int) -> TrialResults:
    """Analyse a trial as declared.

    Raises UserError with everything in cohort and plan that must be mended first.
    """
    trial = trial_from(cohort, plan)
    outcomes = [name for name in plan.outcomes if name in trial.values]
    contrasts: list[ContrastRow] = []
    courses, missing, tipping = [], [], []
    models: dict[str, ArmModel] = {}
    completed = {}
    for name in outcomes:
        Y = trial.values[name]
        models[name] = fit_arms(trial, Y, name=name)
        rows = contrasts_of(trial, plan, name, Y, fewest_clusters=decisions.value("trial.fewest_clusters"))
        if name == plan.responder_outcome:
            rows += compare_with_intercepts(trial, plan, models[name], name)
        contrasts += rows
        courses += trace_course(trial, name, models[name])
        completed[name] = complete_trial(trial, plan, name, _stream(seed, cohort.name, name))
        deltas = tuple(share * _sesoi(trial, decisions, name) for share in decisions["trial.delta_grid"].values)
        found, tips = vary_assumptions(trial, plan, name, rows, deltas, completed[name])
        missing += found
        tipping += tips
    facts: dict[str, Any] = _first_facts(trial, plan)
    beyond, among = _distance_contrasts(trial, plan, decisions, facts)
    contrasts += among
    factorial = list(cross_factors(trial, plan, models))
    responders, relapse = _relapse_and_response(trial, plan, decisions, models, completed, facts)
    rhos = decisions["sensitivity.rho_grid"].values
    ways = follow_ways(trial, plan, _stream(seed, cohort.name, "mediation"), rhos)
    lags = trace_lags(trial, plan)
    _judge_noninferiority(plan, trial, contrasts, decisions, facts)
    facts["overturned"] = _lost(missing, DELTA)
    facts["lost_under_reference"] = _lost(missing, REFERENCE)
    facts["tipping"] = {effect_name(t.comparison, t.outcome, t.when): t.delta for t in tipping}
    facts |= _mediation_facts(ways)
    facts["equal_lags"] = [asdict(row) for row in lags.equal]
    facts["rmsea"] = fits_behind(ways, trial, lags.rows)
    facts["poor_rmsea"] = decisions.value("fit.poor_rmsea")
    facts["random_intercept"] = [asdict(row) for row in lags.within]
    effects = [
        *contrast_effects(contrasts),
        *response_effects(responders),
        *relapse_effects(trial, plan, relapse, models),
        *way_effects(ways, trial),
        *factorial_effects(factorial, trial),
        *lag_effects(lags.rows),
    ]
    tables = tables_of(
        trial,
        cohort,
        contrasts,
        courses,
        responders,
        relapse,
        ways,
        missing,
        tipping,
        lags,
        analyses_of(trial, plan, beyond),
        factorial,
    )
    return TrialResults(pd.DataFrame(effects), tables, facts, trial.n)


def fit_record(results: TrialResults) -> dict[str, Any]:
    """What a fit's file says of a model, for the analyses of a trial together, with the facts beside."""
    return {
        "model": MODEL,
        "status": "converged",
        "n_obs": results.n,
        "estimator": "reml",
        "missing": "at random, given what was seen",
        "n_dropped": 0,
        "unmeasured": {"": results.facts["left_out"]} if results.facts["left_out"] else {},
        "fit_measures": {},
        "parameters": [],
        "facts": dict(results.facts),
    }


PUBLISHED_FACTS = (
    "response",
    "relapse",
    "relapse_difference",
    "noninferiority",
    "rho_at_zero",
    "arm_by_mediator",
    "overturned",
    "lost_under_reference",
    "tipping",
    "rmsea",
    "poor_rmsea",
    "random_intercept",
)
"""Facts that stand beside the published tables; the others count people, and few of them could be told apart."""


def published_facts(results: TrialResults) -> dict[str, Any]:
    """What the analysis says beside its tables, without counts of people."""
    return {name: results.facts[name] for name in PUBLISHED_FACTS if name in results.facts}


def _stream(seed: int, cohort: str, purpose: str) -> np.random.Generator:
    key = (zlib.crc32(cohort.encode()), zlib.crc32(purpose.encode()))
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


def _sesoi(trial: Trial, decisions: Decisions, name: str) -> float:
    """Smallest effect of interest of a construct in its own unit; a share of its baseline SD where none is known."""
    key = f"sesoi.{trial.measures.get(name, name)}"
    if key in decisions:
        return decisions.value(key)
    sd = float(np.nanstd(trial.values[name][:, 0], ddof=1))
    return decisions.value("sesoi.arm_contrast") * sd


def _mcid(trial: Trial, decisions: Decisions, name: str) -> float:
    return decisions.value(f"mcid.{trial.measures.get(name, name)}")


def _first_facts(trial: Trial, plan: TrialPlan) -> dict[str, Any]:
    lacking = impossible(trial, plan)
    return {
        "arms": {arm: int((trial.arm == a).sum()) for a, arm in enumerate(trial.arms)},
        "visits": list(trial.visits),
        "labels": dict(plan.labels),
        "lacking_arms": lacking,
        "factors": [plan.factorial[cell] for cell in ("first", "second") if cell in plan.factorial],
        "covariates": list(trial.covariates),
        "left_out": list(trial.left_out),
        "filled": dict(trial.filled),
        "degrees_of_freedom": "between-within",
        "testable": {
            f"{name}_": {"testable": False, "reason": f"The trial has no arm {' or '.join(arms)}."}
            for name, arms in lacking.items()
        },
    }


def _distance_contrasts(
    trial: Trial, plan: TrialPlan, decisions: Decisions, facts: dict[str, Any]
) -> tuple[NDArray[np.bool_] | None, list[ContrastRow]]:
    """Who lies beyond neutral at the first visit; the distance from neutral and the signed value among them.

    Nothing when the plan asks for none, or too few lie there.
    """
    if plan.distance is None or plan.distance.of not in trial.values:
        return None, []
    of, name = plan.distance.of, plan.distance.name
    neutral = decisions.value(f"neutral.{trial.measures.get(of, of)}")
    Y, beyond, share = distances(trial, plan, neutral)
    least = decisions.value("trial.distance_least_share")
    testable = share >= least and min(int(beyond[trial.arm == a].sum()) for a in range(len(trial.arms))) > 1
    reason = f"{100 * share:.0f} % lie beyond neutral at the first visit; {100 * least:.0f} % are the least"
    facts["testable"][name] = {"testable": bool(testable), "reason": "" if testable else f"Only {reason}."}
    if not testable:
        return None, []
    rows = contrasts_of(trial, plan, name, Y, beyond, of)
    return beyond, rows + contrasts_of(trial, plan, f"{name}_signed", trial.values[of], beyond, of)


def _relapse_and_response(
    trial: Trial,
    plan: TrialPlan,
    decisions: Decisions,
    models: Mapping[str, ArmModel],
    completed: Mapping[str, Any],
    facts: dict[str, Any],
) -> tuple[list[ResponderRow], list[RelapseRow]]:
    responders: list[ResponderRow] = []
    relapse: list[RelapseRow] = []
    if plan.responder_outcome in models:
        drawn, used = completed[plan.responder_outcome]
        mcid = _mcid(trial, decisions, plan.responder_outcome)
        facts["response"] = {"outcome": plan.responder_outcome, "mcid": mcid}
        sets = {"imputed": drawn.at_random, "jump_to_reference": drawn.jump_to_reference}
        responders = compare_responders(trial, plan, mcid, sets, used)
    if plan.relapse is not None and plan.relapse.outcome in models and plan.relapse.arm in trial.arms:
        name = plan.relapse.outcome
        drawn, used = completed[name]
        mcid = _mcid(trial, decisions, name)
        often = (decisions.value("sesoi.relapse_share_low"), decisions.value("sesoi.relapse_share_high"))
        facts["relapse"] = {"outcome": name, "arm": plan.relapse.arm, "mcid": mcid, "often": list(often)}
        relapse = trace_relapse(trial, plan, models[name], mcid, drawn.at_random, used)
        difference = compare_relapse(trial, plan, mcid, drawn.at_random, used)
        if difference is not None:
            facts["relapse_difference"] = {
                "arm": plan.relapse.arm,
                "against": plan.relapse.against,
                "estimate": difference.estimate,
                "low": difference.low,
                "high": difference.high,
            }
    return responders, relapse


def _judge_noninferiority(
    plan: TrialPlan, trial: Trial, contrasts: Iterable[ContrastRow], decisions: Decisions, facts: dict[str, Any]
) -> None:
    """First not worse by the margin, then better: a closed test, so that neither needs a correction."""
    for row in contrasts:
        if (
            row.method == "constrained"
            and row.comparison.name == plan.noninferiority
            and row.outcome == plan.responder_outcome
            and row.when == plan.later
        ):
            margin = _sesoi(trial, decisions, row.outcome)
            shown = row.result.high < margin
            facts["noninferiority"] = {
                "contrast": row.comparison.name,
                "effect": effect_name(row.comparison, row.outcome, row.when),
                "margin": margin,
                "non_inferior": bool(shown),
                "superior": bool(shown and row.result.high < 0),
            }


def _lost(missing: Iterable[MissingRow], assumption: str) -> dict[str, list[float]]:
    """Finding -> shifts of the declared range under which an assumption about unseen visits takes it away."""
    lost: dict[str, list[float]] = {}
    for row in missing:
        if row.tips and row.assumption == assumption:
            lost.setdefault(effect_name(row.comparison, row.outcome, row.when), []).append(row.delta)
    return lost


def _mediation_facts(ways: Mediated | None) -> dict[str, Any]:
    if ways is None:
        return {}
    test = ways.interaction
    return {
        "mediation_status": ways.fit.status.code,
        "rho_at_zero": ways.rho_at_zero,
        "arm_by_mediator": None
        if test is None
        else {"F": test.statistic, "df": [test.df, test.df_residual], "p_value": test.p_value, "n": test.n},
    }
