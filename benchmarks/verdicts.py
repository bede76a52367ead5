"""How often does each verdict fall for each claim, where the truth is known?

    .venv/bin/python -m benchmarks.verdicts            (make bench-verdicts)

Each truth of benchmarks/truths is drawn a thousand times at 30, 60, 150, 400 and 2,000 people. Files are text, read by
the demonstration's own cohort yaml; every model sees the people complete on its variables; intervals are Monte Carlo
(moments drawn from their sampling law at the sample's own, 250 draws), so that the study ends in an hour; claims are
judged by config/claims.yaml and config/decisions.yaml as they stand. Synthetic throughout.

Three readings are counted. `declared`: as a report would say it. `open`: at few people, with the gate on people a
parameter left open, to show what it prevents. `true_scores`: the five links of the main model with every segment a
latent variable of declared reliability, in the first cohorts of each cell only, for each is an iterative fit.

Every cell (a truth at a size) is kept in a file of its own as soon as it is done, so that a study that was stopped goes
on where it stopped, and one of few cohorts grows; counts of other rules, models or truths are not used.

Fit measures of these recursive models are computed for all cohorts of a block at once, from residual variances; a test
holds them against the engine's.
"""

from __future__ import annotations

import argparse
import math
import platform
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri
from scipy.stats import chi2

from benchmarks.verdict_page import CLAIMS, EDGES, FALSE, READINGS, TRUTHS, VERDICTS, check, summarise
from kinechain.assemble import build_cohort
from kinechain.checks.plan import Study as CheckStudy
from kinechain.checks.plan import parse_plan
from kinechain.checks.reliability import refuse, true_score_paths
from kinechain.checks.shape import check_threshold
from kinechain.cohort_spec import CohortSpec, parse_cohort_spec
from kinechain.decisions import Decisions, parse_decisions
from kinechain.effect_plan import EffectPlan, plan_effects
from kinechain.errors import UserError
from kinechain.evidence.claim import Claim, parse_claims
from kinechain.evidence.judging import DIRECTED_RULES, Evidence, judge_material
from kinechain.evidence.material import Material
from kinechain.evidence.tier import TIERS
from kinechain.evidence.verdict import Limits, judge
from kinechain.io import read_json, read_yaml, write_json, write_table, write_text
from kinechain.measures import Dictionary, parse_dictionary
from kinechain.numerics import Array
from kinechain.numerics.batched_moments import MomentDraws, Scale
from kinechain.numerics.batched_recursive import Equations, regress
from kinechain.numerics.batched_wishart import wishart_moments
from kinechain.numerics.intervals import limits
from kinechain.numerics.moments import Moments, moments_from_data
from kinechain.parameter_table import ParameterTable
from kinechain.raw_table import RawTable
from kinechain.resampling.draws import effects_of
from kinechain.resampling.monte_carlo import make_monte_carlo_drawer
from kinechain.resampling.recursive import RecursiveModel, parameters_of_moments, recursive_model
from kinechain.simulate import draw_frame, stream
from kinechain.spec import ModelSpec, build_spec
from kinechain.truths import read_truth

ROOT = Path(__file__).resolve().parents[1]
CELLS = ROOT / "benchmarks" / "cells"
SIZES = (30, 60, 150, 400, 2000)
BLOCK = 50
ITERATIVE_BLOCKS = 4
"""Blocks of a cell in which models without a closed form are fitted too."""

DRAWS = 250
SEED = 20260101
Z_95, Z_90 = float(ndtri(0.975)), float(ndtri(0.95))
ASKED_AT = {"weak_chain": (30,), "common_cause_blurred": (400, 2000)}
"""Worlds beside the eight that are asked for, and the sizes at which a requirement or a question rests on them."""

MODELS = (
    "M0_independent",
    "M1_chain",
    "M2_chain_open",
    "M2_unadjusted",
    "M2_without_psych",
    "M2_psych",
    "M2_without_lbp",
    "M2_lbp",
    "M3_radiographic",
    "M3_marginal",
    "M4_thorax_only",
    "M5_direct_line",
    "M8_gaze",
    "M13_balance_strain",
    "MT_total_effect",
    "M1_chain_joint",
    "M6_reverse_joint",
)
MAIN = "M2_chain_open"
SHARED = "M1_shared_instrument"
"""Correlated residuals: no closed form."""

INTERVALS = tuple(
    name for name in MODELS if name not in ("M0_independent", "M4_thorax_only", "M1_chain_joint", "M6_reverse_joint")
)
"""Models whose effects claims are judged on; of the others only the fit is looked at."""

SAME_PEOPLE = {
    "M1_chain": MAIN,
    "M2_unadjusted": MAIN,
    "M2_without_psych": MAIN,
    "M2_psych": MAIN,
    "M2_without_lbp": MAIN,
    "M2_lbp": MAIN,
    "M3_marginal": "M3_radiographic",
}
"""Models compared draw by draw are given the same people."""

GATED_BELOW = 120
"""People above which the gate on people a parameter stands open anyway."""


@dataclass(frozen=True)
class Model:
    """A recursive model and, of its effects, those that claims ask for."""

    name: str
    spec: ModelSpec
    recursive: RecursiveModel
    plan: EffectPlan

    @property
    def table(self) -> ParameterTable:
        """The model's parameters."""
        return self.spec.table


@dataclass(frozen=True)
class Study:
    """The study's own config, read once a process."""

    cohort: CohortSpec
    dictionary: Dictionary
    decisions: Decisions
    claims: tuple[Claim, ...]
    models: tuple[Model, ...]
    shared: ModelSpec
    checks: CheckStudy

    def model(self, name: str) -> Model:
        """One model by its name."""
        return next(one for one in self.models if one.name == name)


@cache
def open_study() -> Study:
    """Config of the demonstration, with the models of this study."""
    dictionary = parse_dictionary(read_yaml(ROOT / "config" / "measures.yaml"))
    name = "demo_clinic"
    cohort, doubts = parse_cohort_spec(name, read_yaml(ROOT / "config" / "cohorts" / f"{name}.yaml"), dictionary)
    if doubts:
        raise ValueError(str(doubts))
    truth = read_truth(ROOT / "data" / "demo" / f"{name}.yaml")
    first = build_cohort(cohort, dictionary, RawTable(draw_frame(truth, 50, stream(truth, 0))))
    macros = read_yaml(ROOT / "config" / "config.yaml")["macros"]
    content = read_yaml(ROOT / "config" / "claims.yaml")
    asked = set(_words(content))
    models = []

    def spec_of(model: str) -> ModelSpec:
        return build_spec(read_yaml(ROOT / "config" / "models" / f"{model}.yaml"), macros, first.variables, model)

    for model in MODELS:
        spec = spec_of(model)
        recursive = recursive_model(spec.table)
        if recursive is None:
            raise ValueError(f"{model} has no closed form")
        plan = plan_effects(spec.table, spec.covariates)
        kept = tuple(effect for effect in plan.effects if effect.kind == "defined" or effect.name in asked)
        models.append(Model(model, spec, recursive, replace(plan, effects=kept if model in INTERVALS else ())))
    decisions = parse_decisions(read_yaml(ROOT / "config" / "decisions.yaml"))
    claims = tuple(parse_claims(content))
    raw = [claim.id for claim in claims if claim.id in CLAIMS and claim.rule.scale != "standardised"]
    if raw:
        raise ValueError(f"{raw} are judged in units, which this study does not draw")
    paths = {claim.id: claim.tests[0].effect for claim in claims}
    asked_beside = parse_plan(read_yaml(ROOT / "config" / "checks.yaml"), paths)
    checks = CheckStudy(first, {}, macros, asked_beside, decisions, pd.DataFrame(), SEED)
    return Study(cohort, dictionary, decisions, claims, tuple(models), spec_of(SHARED), checks)


def _words(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, Mapping):
        for part in content.values():
            yield from _words(part)
    elif isinstance(content, list | tuple):
        for part in content:
            yield from _words(part)


def saturated(recursive: RecursiveModel) -> Equations:
    """The model's outcomes, each regressed on everything given and on all outcomes before it."""
    outcomes = recursive.equations.outcomes
    given = [v for v in range(recursive.equations.p) if v not in outcomes]
    return Equations(recursive.equations.p, outcomes, tuple((*given, *outcomes[:k]) for k in range(len(outcomes))))


def fit_measures(model: Model, covariance: Array, n: Array) -> dict[str, Array]:
    """Fit measures of a recursive model in every cohort, from its residual variances.

    covariance  (p, p, R)  of the model's variables, divisor n
    n           (R,)

    Twice the log-likelihood of an outcome given its causes is -n (log 2 pi + log of its residual variance + 1); the
    chi-square is the difference to the model in which each outcome has every cause it may have. Causes nobody explains
    are taken as given, as in lavaan's default, and do not enter.
    """
    outcomes = list(model.recursive.equations.outcomes)
    own = np.log(regress(covariance, model.recursive.equations).residual[outcomes])
    full = np.log(regress(covariance, saturated(model.recursive)).residual[outcomes])
    given = model.recursive.equations.p - len(outcomes)
    npar = model.table.n_free
    df = len(outcomes) * (len(outcomes) + 1) // 2 + len(outcomes) * given - npar
    logl = -0.5 * n * (np.log(2 * np.pi) + own + 1).sum(axis=0)
    chisq = n * (own - full).sum(axis=0)
    pvalue = chi2.sf(chisq, df) if df else np.full_like(chisq, np.nan)
    return {
        "npar": np.full_like(logl, npar),
        "df": np.full_like(logl, df),
        "logl": logl,
        "chisq": chisq,
        "pvalue": pvalue,
        "bic": npar * np.log(n) - 2 * logl,
    }


@dataclass(frozen=True)
class Sample:
    """What one model sees of one cohort.

    mean (p,), covariance (p, p) with divisor n, and n, of the people complete on its variables
    measures        fit measures
    standardised    (e,)  estimates of its effects
    """

    mean: Array
    covariance: Array
    n: int
    measures: Mapping[str, float]
    standardised: Array

    @property
    def is_good(self) -> bool:
        """Whether anything can be estimated and drawn from it."""
        some = self.n > len(self.mean) + 1 and bool((np.diag(self.covariance) > 0).all())
        return some and math.isfinite(self.measures["logl"])


def samples_of(study: Study, model: Model, people: pd.DataFrame, cohorts: int) -> list[Sample]:
    """What a model sees of each cohort of a block; estimates and fit of all cohorts at once."""
    base = study.model(SAME_PEOPLE.get(model.name, model.name))
    index = [base.recursive.names.index(name) for name in model.recursive.names]
    X = people[list(base.recursive.names)].to_numpy(dtype=float).reshape(cohorts, len(people) // cohorts, -1)
    complete = [rows[np.isfinite(rows).all(axis=1)][:, index] for rows in X]
    n = np.array([float(len(rows)) for rows in complete])
    means = [rows.mean(axis=0) if len(rows) else np.full(len(index), np.nan) for rows in complete]
    covariances = [
        (rows - mean).T @ (rows - mean) / max(len(rows), 1) for rows, mean in zip(complete, means, strict=True)
    ]
    together = np.stack(covariances, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        measures = fit_measures(model, together, n)
        standardised = standardised_effects(model, together)
    return [
        Sample(
            means[k],
            covariances[k],
            int(n[k]),
            {name: float(values[k]) for name, values in measures.items()},
            standardised[:, k],
        )
        for k in range(cohorts)
    ]


def standardised_effects(model: Model, covariance: Array) -> Array:
    """The model's standardised effects (e, D) from covariances (p, p, D)."""
    p, draws = covariance.shape[0], covariance.shape[2]
    moments = MomentDraws(np.zeros((p, draws)), covariance, np.full(draws, np.nan))
    scale = Scale(np.zeros(p), np.ones(p))
    return effects_of(model.plan, parameters_of_moments(model.recursive, moments, scale))[1]


@dataclass(frozen=True)
class Reading:
    """What was said of one cohort.

    verdicts           (reading, claim) -> verdict
    indistinguishable  whether the chain and its reverse were called so; None where they could not be compared
    keeps_to_tier      whether no sentence went beyond what one wave allows
    """

    verdicts: Mapping[tuple[str, str], str]
    indistinguishable: bool | None
    keeps_to_tier: bool


def judge_cohort(
    study: Study, samples: Mapping[str, Sample], people: pd.DataFrame, random: np.random.Generator, iterative: bool
) -> Reading:
    """Verdicts of one cohort; `iterative` fits the models without a closed form too."""
    effects: dict[tuple[str, str], Mapping[str, Any]] = {}
    fits: dict[str, dict[str, Any]] = {}
    draws: dict[str, pd.DataFrame] = {}
    drawn: dict[str, Array] = {}
    for model in study.models:
        sample = samples[model.name]
        fits[model.name] = {
            "status": "converged" if sample.is_good else "singular: too few people, or a variable that does not vary",
            "n_obs": sample.n,
            "fit_measures": sample.measures,
        }
        if not sample.is_good or not model.plan.effects:
            continue
        base = _base_of(model.name, samples)
        if base not in drawn:
            S = samples[base].covariance
            spread = np.sqrt(np.diag(S))
            drawn[base] = wishart_moments(random, S / np.outer(spread, spread), sample.n, DRAWS).covariance
        index = [study.model(base).recursive.names.index(name) for name in model.recursive.names]
        values = standardised_effects(model, drawn[base][np.ix_(index, index)])
        effects |= _effect_rows(model.name, model.plan, values, sample.standardised, sample.n)
        if base in SAME_PEOPLE.values():
            draws[model.name] = pd.DataFrame(values.T, columns=[f"std:{name}" for name in model.plan.names])
    for row in check_threshold(replace(study.checks, cohort=replace(study.checks.cohort, people=people))).table.to_dict(
        "records"
    ):
        effects[str(row["model"]), str(row["effect"])] = {str(key): value for key, value in row.items()}
    if iterative:
        fits[SHARED], rows = fit_shared(study, people)
        effects |= rows
    material = Material(
        design="cross_sectional",
        sampling_frame="general",
        synthetic=True,
        n=len(people),
        variables=study.checks.cohort.variables,
        decisions=study.decisions,
        effects=effects,
        fits=fits,
        draws=draws,
    )
    evidence = judge_material(material, study.claims)
    declared = _verdicts(evidence)
    if len(people) <= GATED_BELOW:
        opened = {name: {**fit, "fit_measures": {**fit["fit_measures"], "npar": 0.0}} for name, fit in fits.items()}
        ungated = _verdicts(judge_material(replace(material, fits=opened), study.claims))
    else:
        ungated = declared
    verdicts = {("declared", claim): verdict for claim, verdict in declared.items() if iterative or claim != "RV09"}
    verdicts |= {("open", claim): verdict for claim, verdict in ungated.items() if iterative or claim != "RV09"}
    if iterative:
        verdicts |= judge_true_scores(study, samples[MAIN], declared)
    return Reading(verdicts, evidence.directions.indistinguishable, _keeps_to_tier(evidence))


def _base_of(model: str, samples: Mapping[str, Sample]) -> str:
    """The model whose draws this one takes part in; its own where that one cannot be drawn from."""
    base = SAME_PEOPLE.get(model, model)
    return base if samples[base].is_good else model


def _effect_rows(
    model: str, plan: EffectPlan, values: Array, estimates: Array, n: int
) -> dict[tuple[str, str], Mapping[str, Any]]:
    found = limits("monte_carlo", values, (0.95, 0.90), errors=0)
    return {
        (model, name): {
            "standardised": estimates[k],
            "standardised_low": found.low[k, 0],
            "standardised_high": found.high[k, 0],
            "standardised_low_90": found.low[k, 1],
            "standardised_high_90": found.high[k, 1],
            "standardised_std_error": found.std_error[k],
            "n": n,
            "level": 0.95,
            "draws": values.shape[1],
            "failed_draws": values.shape[1] - int(found.used[k]),
        }
        for k, name in enumerate(plan.names)
    }


def _verdicts(evidence: Evidence) -> dict[str, str]:
    return {one.claim: one.verdict for one in evidence.verdicts if one.claim in CLAIMS}


def _keeps_to_tier(evidence: Evidence) -> bool:
    judged = [one for one in evidence.verdicts if one.claim in CLAIMS and one.verdict != "not_testable"]
    said = " ".join(one.wording for one in judged if one.rule in DIRECTED_RULES)
    return all(one.tier in ("T0", "T1") for one in judged) and not any(
        TIERS[tier].verb in said for tier in ("T2", "T3")
    )


def fit_shared(study: Study, people: pd.DataFrame) -> tuple[dict[str, Any], dict[tuple[str, str], Mapping[str, Any]]]:
    """The model of shared errors, fitted to its complete people: what its fit file and effect table would say."""
    spec = study.shared
    asked = next(claim for claim in study.claims if claim.id == "RV09").rule.pairs[0].effects
    names = spec.table.observed
    X = people[list(names)].to_numpy(dtype=float)
    X = X[np.isfinite(X).all(axis=1)]
    failed: dict[str, Any] = {"status": "not estimable", "n_obs": len(X), "fit_measures": {}}
    if len(X) <= len(names) + 1 or not (X.std(axis=0) > 0).all():
        return failed, {}
    try:
        drawer = make_monte_carlo_drawer(spec, moments_from_data(names, X))
    except (UserError, np.linalg.LinAlgError):
        return failed, {}
    plan = plan_effects(drawer.table, spec.covariates)
    plan = replace(plan, effects=tuple(effect for effect in plan.effects if effect.name in asked))
    values = effects_of(plan, next(iter(drawer.draw(SEED, spec.name, (0,)))))[1]
    estimates = effects_of(plan, drawer.sample())[1][:, 0]
    fit = {"status": "converged", "n_obs": len(X), "fit_measures": dict(drawer.fit.measures)}
    return fit, _effect_rows(spec.name, plan, values, estimates, len(X))


def judge_true_scores(study: Study, sample: Sample, declared: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """The five links with every segment free of random error at its declared reliability, by the same rule."""
    edges = study.checks.plan.edges
    segments = tuple(dict.fromkeys(name for outcome, cause in edges for name in (cause, outcome)))
    reliability = {name: study.checks.reliability(name) for name in segments}
    main = study.model(MAIN)
    result = {("true_scores", claim): "not_testable" for claim in EDGES}
    if not sample.is_good or declared[EDGES[0]] == "not_testable":
        return result
    moments = Moments(main.recursive.names, sample.mean, sample.covariance, sample.n)
    if refuse(moments, reliability, study.decisions.value("sensitivity.minimum_reliability")):
        return result
    sesoi = study.decisions.value("sesoi.standardised_path")
    found = true_score_paths(main.spec, moments, reliability, edges)
    for claim, edge in zip(EDGES, edges, strict=True):
        _, estimate, error = found[edge]
        half, half_90 = Z_95 * error, Z_90 * error
        around = Limits(estimate, estimate - half, estimate + half, estimate - half_90, estimate + half_90)
        result["true_scores", claim] = judge(around, sign=1, sesoi=sesoi).verdict
    return result


@dataclass(frozen=True)
class Counts:
    """Cohorts of a truth at a size, counted.

    verdicts           (reading, claim, verdict) -> cohorts
    cohorts            judged
    complete           people complete on the main model, in all cohorts together
    compared           cohorts whose chain and reverse chain were compared
    indistinguishable  of these, called so
    beyond_tier        cohorts in which a sentence went beyond what one wave allows
    """

    verdicts: Counter[tuple[str, str, str]]
    cohorts: int = 0
    complete: int = 0
    compared: int = 0
    indistinguishable: int = 0
    beyond_tier: int = 0

    def __add__(self, other: Counts) -> Counts:
        numbers = [getattr(self, name) + getattr(other, name) for name in NUMBERS]
        return Counts(self.verdicts + other.verdicts, *numbers)


NUMBERS = ("cohorts", "complete", "compared", "indistinguishable", "beyond_tier")


def run_block(truth_name: str, n: int, block: int, cohorts: int) -> Counts:
    """One block of cohorts."""
    study = open_study()
    truth = read_truth(TRUTHS / f"{truth_name}.yaml")
    random = stream(truth, n * 100_000 + block)
    people = build_cohort(study.cohort, study.dictionary, RawTable(draw_frame(truth, n * cohorts, random))).people
    assert people is not None
    samples = {model.name: samples_of(study, model, people, cohorts) for model in study.models}
    verdicts: Counter[tuple[str, str, str]] = Counter()
    readings = []
    for k in range(cohorts):
        own = {name: of_model[k] for name, of_model in samples.items()}
        one = judge_cohort(study, own, people.iloc[k * n : (k + 1) * n], random, block < ITERATIVE_BLOCKS)
        verdicts.update((*key, verdict) for key, verdict in one.verdicts.items())
        readings.append(one)
    return Counts(
        verdicts,
        cohorts,
        sum(sample.n for sample in samples[MAIN]),
        sum(one.indistinguishable is not None for one in readings),
        sum(one.indistinguishable is True for one in readings),
        sum(not one.keeps_to_tier for one in readings),
    )


def rules_digest() -> str:
    """Of rules, models and truths. A change of code is not seen: empty the folder of cells after one."""
    digest = sha256(f"{BLOCK} {DRAWS} {SEED}".encode())
    folders = (ROOT / "config" / "models", TRUTHS, ROOT / "data" / "demo")
    files = [path for folder in folders for path in sorted(folder.glob("*.yaml"))]
    files += [ROOT / "config" / f"{name}.yaml" for name in ("claims", "decisions", "checks", "measures")]
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def cohorts_of(truth: str, n: int, cohorts: int) -> int:
    """Cohorts of a truth at a size where `cohorts` are asked for; 0 for a cell that is not asked for."""
    return cohorts if n in ASKED_AT.get(truth, (n,)) else 0


def count_cell(pool: Executor | None, truth: str, n: int, cohorts: int, cells: Path) -> Counts:
    """One truth at one size: blocks counted before are read, the others are counted and kept; not without a pool."""
    path, rules = cells / f"{truth}_{n}.json", rules_digest()
    before = read_json(path) if path.exists() else {}
    kept: dict[str, Any] = before["blocks"] if before.get("rules") == rules else {}
    blocks = [(k, min(BLOCK, cohorts - k * BLOCK)) for k in range(-(-cohorts // BLOCK))]
    missing = [block for block in blocks if "{}:{}".format(*block) not in kept]
    if pool is None:
        blocks = [block for block in blocks if block not in missing]
    elif missing:
        numbers, sizes = zip(*missing, strict=True)
        for block, part in zip(missing, pool.map(run_block, repeat(truth), repeat(n), numbers, sizes), strict=True):
            kept["{}:{}".format(*block)] = _written(part)
            write_json({"rules": rules, "blocks": kept}, path)
    total = Counts(Counter())
    for block in blocks:
        total = total + _read(kept["{}:{}".format(*block)])
    return total


def _written(counts: Counts) -> dict[str, Any]:
    verdicts = [[*key, count] for key, count in sorted(counts.verdicts.items())]
    return {**{name: getattr(counts, name) for name in NUMBERS}, "verdicts": verdicts}


def _read(kept: Mapping[str, Any]) -> Counts:
    verdicts = Counter({tuple(key): count for *key, count in kept["verdicts"]})
    return Counts(verdicts, *(kept[name] for name in NUMBERS))


def run(truths: Sequence[str], sizes: Sequence[int], cohorts: int, processes: int, cells: Path) -> pd.DataFrame:
    """One row a truth, size, reading and claim: how often each verdict fell (shares), and whether the claim is false.

    cohorts    of each truth at each size
    processes  0 to count nothing and read what was kept
    """
    counted: dict[tuple[str, int], Counts] = {}
    with ProcessPoolExecutor(processes) if processes else nullcontext() as pool:
        for n in sizes:
            for truth in truths:
                start = time.perf_counter()
                own = cohorts_of(truth, n, cohorts)
                if not own:
                    continue
                counted[truth, n] = count_cell(pool, truth, n, own, cells)
                print(f"{truth} n={n}: {own} cohorts, {time.perf_counter() - start:.0f} s", flush=True)
    rows = []
    for truth in truths:
        for n in (n for n in sizes if (truth, n) in counted and counted[truth, n].cohorts):
            cell = counted[truth, n]
            for reading, claim in sorted({key[:2] for key in cell.verdicts}, key=_place):
                judged = sum(cell.verdicts[reading, claim, verdict] for verdict in VERDICTS)
                rows.append(
                    {
                        "truth": truth,
                        "n": n,
                        "reading": reading,
                        "claim": claim,
                        "is_false": claim in FALSE.get(truth, ()),
                        "cohorts": judged,
                        "n_complete": cell.complete / cell.cohorts,
                        "compared": cell.compared / cell.cohorts,
                        "indistinguishable": cell.indistinguishable / max(cell.compared, 1),
                        "beyond_tier": cell.beyond_tier / cell.cohorts,
                        **{verdict: cell.verdicts[reading, claim, verdict] / judged for verdict in VERDICTS},
                    }
                )
    return pd.DataFrame(rows)


def _place(key: tuple[str, str]) -> tuple[int, int]:
    return READINGS.index(key[0]), CLAIMS.index(key[1])


def cohorts_told(table: pd.DataFrame) -> str:
    """Cohorts behind a cell, size by size, and the Monte Carlo error of a share."""
    rows = table[(table["reading"] == "declared") & (table["claim"] == "C01")]
    told = []
    for n, part in rows.groupby("n"):
        few, many = int(part["cohorts"].min()), int(part["cohorts"].max())
        told.append(f"{few:,} at n={n:,}" if few == many else f"{few:,} to {many:,} at n={n:,}")
    error = math.sqrt(0.05 * 0.95 / rows["cohorts"].min())
    return f"{', '.join(told)}; Monte Carlo error of a share of .05 at most {error:.3f}"


def fewer_told(table: pd.DataFrame) -> str:
    """Claims judged in fewer cohorts than others of their cell, and how many; then the reading of true scores."""
    rows = table[table["reading"] == "declared"]
    most = rows.groupby(["truth", "n"])["cohorts"].transform("max")
    told = []
    for claim, part in rows[rows["cohorts"] < most].groupby("claim", sort=False):
        few, many = int(part["cohorts"].min()), int(part["cohorts"].max())
        told.append(f"{claim} {few}" if few == many else f"{claim} {few} to {many}")
    return ", ".join([*told, f"true scores {ITERATIVE_BLOCKS * BLOCK}"])


def main() -> None:
    """Run the study and write benchmarks/results/verdicts.csv and verdicts.md; exit code 1 when a requirement fails."""
    parser = argparse.ArgumentParser(description="Verdicts in worlds whose truth is known.")
    parser.add_argument("--cohorts", type=int, default=1000, help="cohorts of each truth and size")
    parser.add_argument("--truths", nargs="+", default=[path.stem for path in sorted(TRUTHS.glob("*.yaml"))])
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--processes", type=int, default=2, help="0 to put together what was counted before")
    parser.add_argument("--cells", type=Path, default=CELLS, help="folder for what was counted, cell by cell")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results", help="folder for the tables")
    given = parser.parse_args()
    start = time.perf_counter()
    table = run(given.truths, given.sizes, given.cohorts, given.processes, given.cells)
    minutes = (time.perf_counter() - start) / 60
    facts = {
        "command": f"`python -m benchmarks.verdicts --cohorts {given.cohorts}`",
        "date": datetime.now(UTC).date().isoformat(),
        "time": f"{minutes:.0f} minutes in {given.processes} processes, besides what was kept from before"
        if given.processes
        else "put together from cells counted before; a cohort takes about 0.07 s of one core, all models together",
        "versions": f"Python {platform.python_version()}, numpy {np.__version__}, pandas {pd.__version__}",
        "cohorts of a truth": cohorts_told(table),
        "counted in the first of them only": fewer_told(table),
        "intervals": f"Monte Carlo, {DRAWS} draws; of true scores by the delta method",
    }
    write_table(table, given.out / "verdicts.csv", digits=6)
    write_text(summarise(table, facts), given.out / "verdicts.md")
    answers = check(table)
    for name, (value, bound, holds) in answers.items():
        print(f"{'ok  ' if holds else 'FAIL'} {name}: {value:.3f} ({bound:.2f})")
    sys.exit(0 if all(holds for _, _, holds in answers.values()) else 1)


if __name__ == "__main__":
    main()
