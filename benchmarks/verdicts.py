"""How often does each verdict fall for each claim, where the truth is known?

    .venv/bin/python -m benchmarks.verdicts            (make bench-verdicts)

Each truth of benchmarks/truths is drawn a thousand times at 30, 60, 150, 400 and 2,000 people. Files are text, read by
the demonstration's own cohort yaml; every model sees the people complete on its variables; intervals are Monte Carlo
(moments drawn from their sampling law at the sample's own, 500 draws), so that the study ends in an hour; claims are
judged by config/claims.yaml and config/decisions.yaml as they stand. Synthetic throughout.

Besides, at few people, verdicts are counted with the gate on people a parameter left open, to show what it prevents.

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
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2

from kinechain.assemble import build_cohort
from kinechain.checks.plan import Study as CheckStudy
from kinechain.checks.plan import parse_plan
from kinechain.checks.shape import check_threshold
from kinechain.cohort_spec import CohortSpec, parse_cohort_spec
from kinechain.effect_plan import EffectPlan, plan_effects
from kinechain.evidence import Claim, Decisions, parse_claims, parse_decisions
from kinechain.evidence.judging import judge_material
from kinechain.evidence.material import Material
from kinechain.io import read_yaml, write_table, write_text
from kinechain.measures import Dictionary, parse_dictionary
from kinechain.numerics import Array
from kinechain.numerics.batched_moments import MomentDraws, Scale
from kinechain.numerics.batched_recursive import Equations, regress
from kinechain.numerics.batched_wishart import wishart_moments
from kinechain.numerics.intervals import limits
from kinechain.raw_table import RawTable
from kinechain.resampling.draws import effects_of
from kinechain.resampling.recursive import RecursiveModel, parameters_of_moments, recursive_model
from kinechain.simulate import draw_frame, stream
from kinechain.spec import ParameterTable, build_spec
from kinechain.truths import read_truth

ROOT = Path(__file__).resolve().parents[1]
TRUTHS = ROOT / "benchmarks" / "truths"
SIZES = (30, 60, 150, 400, 2000)
BLOCK = 50
DRAWS = 500
SEED = 20260101
MODELS = (
    "M0_independent",
    "M1_chain",
    "M2_chain_open",
    "M2_unadjusted",
    "M4_thorax_only",
    "M5_direct_line",
    "M8_gaze",
    "M13_balance_strain",
    "MT_total_effect",
    "M1_chain_joint",
    "M6_reverse_joint",
)
INTERVALS = (
    "M2_chain_open",
    "M2_unadjusted",
    "M5_direct_line",
    "M8_gaze",
    "M13_balance_strain",
    "MT_total_effect",
)
"""Models whose effects claims are judged on; of the others only the fit is looked at."""

SAME_PEOPLE = {"M2_unadjusted": "M2_chain_open"}
"""Models compared draw by draw are given the same people."""

GATED_BELOW = 120
"""People above which the gate on people a parameter stands open anyway."""

VERDICTS = ("supported", "contradicted_null", "contradicted_opposite", "inconclusive", "not_testable")
EDGES = ("C04", "C05", "C08", "C10", "C14")
CLAIMS = (
    "C01", "C02", "C03", "C04", "C05", "C06", "C07", "C08", "C09", "C10", "C11", "C12", "C13", "C14", "C15", "C16",
    "RV00", "RV02", "RV03", "RV04", "RV05",
)  # fmt: skip
LINKS = ("C01", "C03", "C04", "C05", "C06", "C07", "C08", "C10", "C11", "C13", "C14", "C15", "C16")
FALSE: Mapping[str, tuple[str, ...]] = {
    "chain": ("C16", "RV00", "RV02", "RV03", "RV04", "RV05"),
    "weak_chain": ("C16", "RV00", "RV02", "RV03", "RV04", "RV05"),
    "common_cause": (*LINKS, "C02", "C12", "RV03"),
    "common_cause_blurred": (*LINKS, "C02", "C12", "RV03"),
    "unmeasured_common_cause": (*LINKS, "C02", "C12", "RV03"),
    "anterior_tilt": ("C01", "C03", "C04", "C06", "C15", "C16", "RV00", "RV02", "RV04"),
    "thorax_only": ("C01", "C03", "C04", "C05", "C06", "C07", "C08", "C15", "C16", "RV00", "RV02", "RV03", "RV05"),
    "direct": (*LINKS[1:], "C12", "RV02", "RV03", "RV04"),
    "none": (*LINKS, "C02", "C12", "RV02", "RV03", "RV04", "RV05"),
}
"""Claims false by construction. Under the reverse truth no error is counted: one wave cannot tell it from the chain."""
BLURRED = ("common_cause_blurred", "unmeasured_common_cause")
"""Truths whose confounders are not all measured without error: reported, not bounded."""


@dataclass(frozen=True)
class Model:
    """A recursive model and, of its effects, those that claims ask for."""

    name: str
    table: ParameterTable
    recursive: RecursiveModel
    plan: EffectPlan


@dataclass(frozen=True)
class Study:
    """The study's own config, read once a process."""

    cohort: CohortSpec
    dictionary: Dictionary
    decisions: Decisions
    claims: tuple[Claim, ...]
    models: tuple[Model, ...]
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
    for model in MODELS:
        spec = build_spec(read_yaml(ROOT / "config" / "models" / f"{model}.yaml"), macros, first.variables, model)
        table = spec.table
        recursive = recursive_model(table)
        if recursive is None:
            raise ValueError(f"{model} has no closed form")
        plan = plan_effects(table, spec.covariates)
        kept = tuple(effect for effect in plan.effects if effect.kind == "defined" or effect.name in asked)
        models.append(Model(model, table, recursive, replace(plan, effects=kept if model in INTERVALS else ())))
    decisions = parse_decisions(read_yaml(ROOT / "config" / "decisions.yaml"))
    claims = tuple(parse_claims(content))
    raw = [claim.id for claim in claims if claim.id in CLAIMS and claim.rule.scale != "standardised"]
    if raw:
        raise ValueError(f"{raw} are judged in units, which this study does not draw")
    paths = {claim.id: claim.tests[0].effect for claim in claims}
    plan = parse_plan(read_yaml(ROOT / "config" / "checks.yaml"), paths)
    checks = CheckStudy(first, {}, macros, plan, decisions, pd.DataFrame(), SEED)
    return Study(cohort, dictionary, decisions, claims, tuple(models), checks)


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


def judge_cohort(
    study: Study, samples: Mapping[str, Sample], people: pd.DataFrame, random: np.random.Generator
) -> dict[str, tuple[str, str]]:
    """Verdicts of one cohort: claim -> (as declared, with the gate on people a parameter left open)."""
    effects: dict[tuple[str, str], Mapping[str, Any]] = {}
    fits: dict[str, dict[str, Any]] = {}
    draws: dict[str, pd.DataFrame] = {}
    drawn: dict[str, Array] = {}
    for model in study.models:
        sample, base = samples[model.name], SAME_PEOPLE.get(model.name, model.name)
        fits[model.name] = {
            "status": "converged" if sample.is_good else "singular: too few people, or a variable that does not vary",
            "n_obs": sample.n,
            "fit_measures": sample.measures,
        }
        if not sample.is_good or not model.plan.effects:
            continue
        if base not in drawn:
            S = samples[base].covariance
            spread = np.sqrt(np.diag(S))
            drawn[base] = wishart_moments(random, S / np.outer(spread, spread), sample.n, DRAWS).covariance
        index = [study.model(base).recursive.names.index(name) for name in model.recursive.names]
        values = standardised_effects(model, drawn[base][np.ix_(index, index)])
        found = limits("monte_carlo", values, (0.95, 0.90), mc_error=False)
        for k, name in enumerate(model.plan.names):
            effects[model.name, name] = {
                "standardised": sample.standardised[k],
                "standardised_low": found.low[k, 0],
                "standardised_high": found.high[k, 0],
                "standardised_low_90": found.low[k, 1],
                "standardised_high_90": found.high[k, 1],
                "standardised_std_error": found.std_error[k],
                "n": sample.n,
                "level": 0.95,
                "draws": DRAWS,
                "failed_draws": DRAWS - int(found.used[k]),
            }
        if base in SAME_PEOPLE.values():
            draws[model.name] = pd.DataFrame(values.T, columns=[f"std:{name}" for name in model.plan.names])
    for row in check_threshold(replace(study.checks, cohort=replace(study.checks.cohort, people=people))).table.to_dict(
        "records"
    ):
        effects[str(row["model"]), str(row["effect"])] = {str(key): value for key, value in row.items()}
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
    declared = _verdicts(material, study.claims)
    if len(people) > GATED_BELOW:
        return {claim: (verdict, verdict) for claim, verdict in declared.items()}
    opened = {name: {**fit, "fit_measures": {**fit["fit_measures"], "npar": 0.0}} for name, fit in fits.items()}
    ungated = _verdicts(replace(material, fits=opened), study.claims)
    return {claim: (declared[claim], ungated[claim]) for claim in declared}


def _verdicts(material: Material, claims: Sequence[Claim]) -> dict[str, str]:
    return {one.claim: one.verdict for one in judge_material(material, claims).verdicts if one.claim in CLAIMS}


def run_block(truth_name: str, n: int, block: int, cohorts: int) -> tuple[str, int, Counter[tuple[str, str, str]], int]:
    """Counts of (gate, claim, verdict) in one block of cohorts, and the people complete on the main model."""
    study = open_study()
    truth = read_truth(TRUTHS / f"{truth_name}.yaml")
    random = stream(truth, n * 100_000 + block)
    people = build_cohort(study.cohort, study.dictionary, RawTable(draw_frame(truth, n * cohorts, random))).people
    assert people is not None
    samples = {model.name: samples_of(study, model, people, cohorts) for model in study.models}
    counts: Counter[tuple[str, str, str]] = Counter()
    for k in range(cohorts):
        own = {name: of_model[k] for name, of_model in samples.items()}
        for claim, verdicts in judge_cohort(study, own, people.iloc[k * n : (k + 1) * n], random).items():
            counts.update([("declared", claim, verdicts[0]), ("open", claim, verdicts[1])])
    return truth_name, n, counts, sum(sample.n for sample in samples["M2_chain_open"])


def run(truths: Sequence[str], sizes: Sequence[int], cohorts: int, processes: int) -> pd.DataFrame:
    """One row a truth, size, gate and claim: how often each verdict fell (shares), and whether the claim is false."""
    tasks = [
        (truth, n, block, min(BLOCK, cohorts - block * BLOCK))
        for n in sorted(sizes, reverse=True)
        for truth in truths
        for block in range(-(-cohorts // BLOCK))
    ]
    total: dict[tuple[str, int], Counter[tuple[str, str, str]]] = {}
    complete: Counter[tuple[str, int]] = Counter()
    with ProcessPoolExecutor(processes) as pool:
        for truth, n, counts, used in pool.map(run_block, *zip(*tasks, strict=True)):
            total.setdefault((truth, n), Counter()).update(counts)
            complete[truth, n] += used
    rows = [
        {
            "truth": truth,
            "n": n,
            "gate": gate,
            "claim": claim,
            "is_false": claim in FALSE.get(truth, ()),
            "cohorts": cohorts,
            "n_complete": complete[truth, n] / cohorts,
            **{verdict: total[truth, n][gate, claim, verdict] / cohorts for verdict in VERDICTS},
        }
        for truth in truths
        for n in sizes
        for gate in ("declared", "open")
        for claim in CLAIMS
    ]
    return pd.DataFrame(rows)


def check(table: pd.DataFrame) -> dict[str, tuple[float, float, bool]]:
    """What is required: requirement -> (figure, bound, whether it holds)."""
    rows = table[table["gate"] == "declared"]
    answers: dict[str, tuple[float, float, bool]] = {}
    false = rows[rows["is_false"] & ~rows["truth"].isin(BLURRED)]
    if len(false):
        worst = false.loc[false["supported"].idxmax()]
        name = (
            f"false claim supported, worst of {len(false)}: {worst['claim']} under {worst['truth']} at n={worst['n']}"
        )
        answers[name] = (float(worst["supported"]), 0.05, bool(worst["supported"] <= 0.05))
    strong = rows[(rows["truth"] == "chain") & (rows["n"] == 400) & rows["claim"].isin(EDGES)]
    if len(strong):
        least = float(strong["supported"].min())
        answers["true edge of .3 supported at n=400, worst of five"] = (least, 0.90, least >= 0.90)
    for gate, words in (("declared", ""), ("open", ", gate left open")):
        weak = table[
            (table["gate"] == gate) & (table["truth"] == "weak_chain") & (table["n"] == 30) & table["claim"].isin(EDGES)
        ]
        if len(weak):
            most = float((weak["contradicted_null"] + weak["contradicted_opposite"]).max())
            answers[f"true edge of .15 contradicted at n=30, worst of five{words}"] = (most, 0.02, most <= 0.02)
    return answers


def summarise(table: pd.DataFrame, facts: Mapping[str, Any]) -> str:
    """The study as a page."""
    lines = ["# How often each verdict falls, where the truth is known", ""]
    lines += [f"- {name}: {value}" for name, value in facts.items()]
    lines += [
        "",
        "Everything here is synthetic. Each cell is a share of cohorts: supported / contradicted (null) / contradicted",
        "(opposite) / inconclusive / not testable, in per cent. A star marks a claim that is false by construction.",
        "",
        "## What is required",
        "",
        "| requirement | found | bound | holds |",
        "|---|---|---|---|",
    ]
    for name, (value, bound, holds) in check(table).items():
        lines.append(f"| {name} | {value:.3f} | {bound:.2f} | {'yes' if holds else 'NO'} |")
    for truth, part in table[table["gate"] == "declared"].groupby("truth", sort=False):
        sizes = list(dict.fromkeys(part["n"]))
        note = {
            "reverse": " No error is counted here: one wave cannot tell the chain from its reverse.",
            "unmeasured_common_cause": " A cause that nobody recorded: no rule can see it; shown, not bounded.",
            "common_cause_blurred": " Confounders with error: shown, not bounded.",
        }.get(str(truth), "")
        title = read_truth(TRUTHS / f"{truth}.yaml").title
        lines += ["", f"## {truth}", "", f"{title}.{note}", ""]
        lines += ["| claim | " + " | ".join(f"n={n}" for n in sizes) + " |", "|---" * (len(sizes) + 1) + "|"]
        for claim, cells in part.groupby("claim", sort=False):
            star = "*" if cells["is_false"].iloc[0] else ""
            shares = [" / ".join(f"{100 * row[verdict]:.0f}" for verdict in VERDICTS) for _, row in cells.iterrows()]
            lines.append(f"| {claim}{star} | " + " | ".join(shares) + " |")
    return "\n".join([*lines, ""])


def main() -> None:
    """Run the study and write benchmarks/results/verdicts.csv and verdicts.md; exit code 1 when a requirement fails."""
    parser = argparse.ArgumentParser(description="Verdicts in worlds whose truth is known.")
    parser.add_argument("--cohorts", type=int, default=1000, help="cohorts of each truth and size")
    parser.add_argument("--truths", nargs="+", default=[path.stem for path in sorted(TRUTHS.glob("*.yaml"))])
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results", help="folder for the tables")
    given = parser.parse_args()
    start = time.perf_counter()
    table = run(given.truths, given.sizes, given.cohorts, given.processes)
    facts = {
        "command": f"`python -m benchmarks.verdicts --cohorts {given.cohorts}`",
        "date": datetime.now(UTC).date().isoformat(),
        "time": f"{(time.perf_counter() - start) / 60:.0f} minutes in {given.processes} processes",
        "versions": f"Python {platform.python_version()}, numpy {np.__version__}, pandas {pd.__version__}",
        "cohorts": f"{given.cohorts} of each truth and size; Monte Carlo error of a share of .05: "
        f"{math.sqrt(0.05 * 0.95 / given.cohorts):.3f}",
        "intervals": f"Monte Carlo, {DRAWS} draws",
    }
    write_table(table, given.out / "verdicts.csv", digits=6)
    write_text(summarise(table, facts), given.out / "verdicts.md")
    answers = check(table)
    for name, (value, bound, holds) in answers.items():
        print(f"{'ok  ' if holds else 'FAIL'} {name}: {value:.3f} ({bound:.2f})")
    sys.exit(0 if all(holds for _, _, holds in answers.values()) else 1)


if __name__ == "__main__":
    main()
