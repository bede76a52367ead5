"""How the analyses of a trial behave where the truth is known.

    make bench-trials
    nice .venv/bin/python benchmarks/trials.py [--trials 1000] [--shifted 1000] [--again 4000] [--out FILE]

Five truths (no effect; effect with mechanism; effect without; relapse; no relapse) times three ways of dropping
out (completely at random, at random given what was seen, not at random). For every contrast: bias, coverage of the 95 %
interval, and the share of trials that call it found where it is nothing. The same for what is mediated. Where people
drop out not at random, what shifting the unseen values does to the bias. Intervals are analytic: Student's t with
between-within degrees of freedom for contrasts, Monte Carlo from the estimates for what is mediated.

Among hundreds of quantities some stray by luck. Whatever lies further than three Monte Carlo errors from what it should
be, where people drop out at random, is run again on other trials, more of them, and both results stand in the table.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kinechain.io import write_text
from kinechain.numerics.longitudinal import contrast
from kinechain.simulate_trial import (
    Dropout,
    TrialTruth,
    draw_trial,
    population_means,
    trial_stream,
    trial_truth_from,
)
from kinechain.trials.contrasts import MAINTENANCE, comparison_weights, fit_arms
from kinechain.trials.mediation import draw_ways, fit_mediation
from kinechain.trials.missing import complete_trial, pooled_at, project_comparison
from kinechain.trials.plan import TrialPlan, parse_plan
from kinechain.trials.simulated import trial_of

N_ARM = 60
DRAWS_OF_WAYS = 2000
DELTAS = (0.0, 1.0, 2.0, 4.0)
"""Shifts of unseen values, in points of the outcome, whose noise at a visit is 4."""
FRESH = 3 * 10**6
"""Trials run again are numbered from here, so that they share nothing with the first."""
OUTCOME, MEDIATORS = "pain", ("tight", "posture")
NONE = {"sources": {"pain@bl": 0.6}, "noise": 4.0}
PLAN = parse_plan(
    {
        "control": "ctl",
        "visits": {"baseline": "bl", "after": "post", "later": "fu"},
        "outcomes": [OUTCOME, *MEDIATORS],
        "contrasts": {
            "str_ctl": {"arms": ["str"], "against": ["ctl"]},
            "both_str": {"arms": ["both"], "against": ["str"]},
            "both_ctl": {"arms": ["both"], "against": ["ctl"]},
            "both_local": {"arms": ["both"], "against": ["local"]},
            "active_ctl": {"arms": ["str", "both", "local"], "against": ["ctl"]},
        },
        "mediation": {"chain": list(MEDIATORS), "outcome": OUTCOME, "contrasts": ["both_ctl"]},
        "missing": {"arms": ["str", "both", "local"], "imputations": 10},
    }
)


def base() -> TrialTruth:
    """Nothing does anything; pain moves with posture."""
    later = {
        "tight": {"sources": {"tight@bl": 0.75}, "noise": 5.0},
        "posture": {"sources": {"tight@post": 0.3, "posture@bl": 0.6}, "noise": 3.0},
        OUTCOME: {"sources": {"posture@post": 0.3, "pain@bl": 0.5}, "noise": 4.0},
    }
    follow = {
        "tight": {"sources": {"tight@bl": 0.75}, "noise": 5.0, "carry": 0.4},
        "posture": {"sources": {"posture@post": 0.5, "posture@bl": 0.3}, "noise": 3.0, "carry": 0.4},
        OUTCOME: {"sources": {"posture@post": 0.4, "pain@bl": 0.5}, "noise": 4.0, "carry": 0.4},
    }
    return trial_truth_from(
        {
            "name": "no effect",
            "title": "no arm does anything",
            "seed": 20260107,
            "arms": {"ctl": N_ARM, "str": N_ARM, "both": N_ARM, "local": N_ARM},
            "visits": {"bl": 0, "post": 84, "fu": 210},
            "variables": {
                "tight": {"mean": 0, "sd": 10},
                "posture": {"mean": 0, "sd": 6},
                OUTCOME: {"mean": 20, "sd": 7.5},
            },
            "baseline": {"posture": {"tight": 0.4}, OUTCOME: {"posture": 0.3}},
            "later": {"post": later, "fu": follow},
        }
    )


def with_shifts(truth: TrialTruth, name: str, shifts: dict[str, dict[str, dict[str, float]]]) -> TrialTruth:
    """The truth with other effects of arms: visit -> variable -> arm -> shift."""
    later = {
        visit: {
            variable: replace(equation, shift=shifts.get(visit, {}).get(variable, {}))
            for variable, equation in equations.items()
        }
        for visit, equations in truth.later.items()
    }
    return replace(truth, name=name, later=later)


def truths() -> list[TrialTruth]:
    """The five worlds."""
    nothing = base()
    stretch = {"str": -10.0, "both": -12.0}
    eased = {"str": -4.0, "both": -4.0, "local": -4.0}
    return [
        nothing,
        with_shifts(nothing, "mechanism", {"post": {"tight": stretch, "posture": {"both": -1.5}}}),
        with_shifts(nothing, "no mechanism", {"post": {OUTCOME: eased}, "fu": {OUTCOME: eased}}),
        with_shifts(
            nothing, "relapse", {"post": {OUTCOME: {"local": -8.0, "both": -5.0}}, "fu": {OUTCOME: {"both": -5.0}}}
        ),
        with_shifts(
            nothing,
            "no relapse",
            {"post": {OUTCOME: {"local": -6.0, "both": -6.0}}, "fu": {OUTCOME: {"local": -6.0, "both": -6.0}}},
        ),
    ]


def dropouts() -> dict[str, Dropout]:
    """Three ways of dropping out, about 10 % by the second and 25 % by the third visit."""
    rate = {
        "post": {"all": 0.08},
        "fu": {"ctl": 0.12, "str": 0.16, "both": 0.18, "local": 0.22},
    }
    common = Dropout(rate=rate, driver=OUTCOME, skipped=0.03)
    return {
        "completely at random": replace(common, mechanism="completely_at_random"),
        "at random": replace(common, mechanism="at_random", slope=0.7),
        "not at random": replace(common, mechanism="not_at_random", slope=0.7),
    }


@dataclass(frozen=True, slots=True)
class Line:
    """What happened to one quantity over the trials.

    wrong  share of trials whose 95 % interval leaves out zero although the truth is zero; NaN where it is not
    """

    truth: str
    dropout: str
    quantity: str
    true_value: float
    bias: float
    empirical_error: float
    mean_error: float
    coverage: float
    wrong: float
    trials: int


def summarise(truth: str, dropout: str, quantity: str, true_value: float, rows: np.ndarray) -> Line:
    """One line from (trials, 4): estimate, standard error, low, high; rows of a trial that failed are NaN."""
    kept = rows[np.isfinite(rows).all(axis=1)]
    estimate, error, low, high = kept.T
    covered = float(((low <= true_value) & (true_value <= high)).mean())
    wrong = float(((low > 0) | (high < 0)).mean()) if true_value == 0 else math.nan
    return Line(
        truth,
        dropout,
        quantity,
        true_value,
        float(estimate.mean() - true_value),
        float(estimate.std(ddof=1)),
        float(error.mean()),
        covered,
        wrong,
        len(kept),
    )


def true_contrasts(truth: TrialTruth, plan: TrialPlan, outcome: str) -> dict[tuple[str, str], float]:
    """Exact value of every contrast at both visits and of its maintenance."""
    means = population_means(truth)[outcome]
    arms, visits = list(truth.arms), list(truth.visits)
    found = {}
    for comparison in plan.comparisons:
        at = {
            visit: float(
                np.mean([means[arms.index(arm), visits.index(visit)] for arm in comparison.arms])
                - np.mean([means[arms.index(arm), visits.index(visit)] for arm in comparison.against])
            )
            for visit in (plan.after, plan.later)
        }
        for visit, value in at.items():
            found[comparison.name, visit] = round(value, 12)
        found[comparison.name, MAINTENANCE] = round(at[plan.later] - at[plan.after], 12)
    return found


def study_contrasts(
    truth: TrialTruth, dropout: str, trials: int, plan: TrialPlan = PLAN, first: int = 1
) -> Iterator[Line]:
    """Contrasts of the outcome over `trials` trials, numbered from `first`, of one truth and way of dropping out."""
    known = true_contrasts(truth, plan, OUTCOME)
    rows = {key: np.full((trials, 4), np.nan) for key in known}
    for k in range(trials):
        trial = trial_of(truth, draw_trial(truth, trial_stream(truth, first + k)))
        model = fit_arms(trial, trial.values[OUTCOME], name=OUTCOME)
        for comparison in plan.comparisons:
            for when in (plan.after, plan.later, MAINTENANCE):
                weights = comparison_weights(trial, model, comparison, when, plan)
                found = contrast(weights, model.fit.beta, model.fit.covariance, model.df)
                rows[comparison.name, when][k] = found.estimate, found.std_error, found.low, found.high
    for (name, when), table in rows.items():
        yield summarise(truth.name, dropout, f"{name} {when}", known[name, when], table)


def study_ways(truth: TrialTruth, dropout: str, trials: int, plan: TrialPlan = PLAN, first: int = 1) -> Iterator[Line]:
    """What is mediated, over the same trials."""
    rows = {way: np.full((trials, 4), np.nan) for way in ("total", "mediated", "direct")}
    for k in range(trials):
        trial = trial_of(truth, draw_trial(truth, trial_stream(truth, first + k)))
        fit = fit_mediation(trial, plan)
        if fit.status.has_numbers:
            random = trial_stream(truth, 2 * FRESH + first + k)
            for way, (value, draws) in draw_ways(fit, "arm_both", f"{OUTCOME}_fu", random, DRAWS_OF_WAYS).items():
                rows[way][k] = value, draws.std(ddof=1), *np.quantile(draws, [0.025, 0.975])
    total = true_contrasts(truth, plan, OUTCOME)["both_ctl", plan.later]
    direct = truth.later[plan.later][OUTCOME].shift.get("both", 0.0)
    exact = {"total": total, "direct": direct, "mediated": round(total - direct, 12)}
    for way, table in rows.items():
        yield summarise(truth.name, dropout, f"{way} of both", exact[way], table)


@dataclass(frozen=True, slots=True)
class Shifted:
    """Bias of one contrast when unseen values are imputed and those of the treated arms made worse by delta."""

    truth: str
    quantity: str
    delta: float
    bias: float
    coverage: float
    trials: int


def study_shifts(
    truth: TrialTruth, trials: int, deltas: tuple[float, ...], plan: TrialPlan = PLAN
) -> Iterator[Shifted]:
    """What the delta adjustment does to every contrast at the last visit."""
    known = true_contrasts(truth, plan, OUTCOME)
    found = np.full((trials, len(plan.comparisons), len(deltas), 3), np.nan)
    for k in range(trials):
        trial = trial_of(truth, draw_trial(truth, trial_stream(truth, k + 1)))
        completed = complete_trial(trial, plan, OUTCOME, trial_stream(truth, 10**6 + k))
        for c, comparison in enumerate(plan.comparisons):
            projected = project_comparison(trial, plan, OUTCOME, completed, comparison, plan.later)
            for j, delta in enumerate(deltas):
                result = pooled_at(projected, delta)
                found[k, c, j] = result.estimate, result.low, result.high
    for c, comparison in enumerate(plan.comparisons):
        value = known[comparison.name, plan.later]
        for j, delta in enumerate(deltas):
            estimate, low, high = found[:, c, j].T
            covered = float(((low <= value) & (value <= high)).mean())
            quantity = f"{comparison.name} {plan.later}"
            yield Shifted(truth.name, quantity, delta, float(estimate.mean() - value), covered, trials)


def margin(level: float, trials: int) -> float:
    """Three Monte Carlo errors of a share."""
    return 3 * math.sqrt(level * (1 - level) / trials)


def strays(line: Line) -> bool:
    """Whether coverage or the share of false findings lies more than three Monte Carlo errors off."""
    return abs(line.coverage - 0.95) > margin(0.95, line.trials) or line.wrong > 0.05 + margin(0.05, line.trials)


def run_again(world: TrialTruth, dropout: str, lines: list[Line], trials: int) -> Iterator[Line]:
    """The strays of one world on fresh trials."""
    for study in (study_contrasts, study_ways):
        wanted = {line.quantity for line in lines if line.quantity.endswith(" of both") == (study is study_ways)}
        if wanted:
            yield from (line for line in study(world, dropout, trials, first=FRESH) if line.quantity in wanted)


def table(lines: list[Line]) -> list[str]:
    """Lines as rows of a table."""
    out = [
        "| truth | dropout | quantity | true | bias | error | stated | coverage | found | trials |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for line in lines:
        wrong = "" if math.isnan(line.wrong) else f"{line.wrong:.3f}"
        out.append(
            f"| {line.truth} | {line.dropout} | {line.quantity} | {line.true_value:.2f} | {line.bias:+.3f} | "
            f"{line.empirical_error:.3f} | {line.mean_error:.3f} | {line.coverage:.3f} | {wrong} | {line.trials} |"
        )
    return out


def named(lines: list[Line]) -> str:
    """Lines by name, with what they show."""
    shown = [f"{x.truth}, {x.dropout}, {x.quantity}: coverage {x.coverage:.3f}" for x in lines]
    return "; ".join(shown) or "none"


def report(lines: list[Line], shifted: list[Shifted], again: list[Line], seconds: float, command: str) -> str:
    """The tables as text."""
    first = lines[0].trials
    out = [
        "# Trials with a known truth",
        "",
        f"SYNTHETIC. Made by `{command}` on {time.strftime('%Y-%m-%d')} in {seconds:.0f} s of processor time.",
        f"Four arms of {N_ARM}, three visits, about 10 % unseen at the second and 25 % at the third. `error` is the",
        "spread of the estimates over trials, `stated` the mean standard error, `found` the share of trials that call",
        f"a true zero found. Three Monte Carlo errors: coverage {margin(0.95, first):.3f}, found "
        f"{margin(0.05, first):.3f}.",
        "",
        *table(lines),
    ]
    judged = [line for line in lines if line.dropout != "not at random"]
    zeros = [line for line in judged if not math.isnan(line.wrong)]
    off = [line for line in judged if strays(line)]
    still = [line for line in again if strays(line)]
    out += ["", "## Strays run again on fresh trials", ""]
    out += [*table(again), ""] if again else ["None.", ""]
    out += [
        "## Not at random: what a shift of the unseen values does",
        "",
        "Unseen outcomes of the treated arms are imputed at random and then made worse by delta (10 imputations).",
        "",
        "| truth | quantity | delta | bias | coverage | trials |",
        "|---|---|---:|---:|---:|---:|",
    ]
    out += [
        f"| {row.truth} | {row.quantity} | {row.delta:g} | {row.bias:+.3f} | {row.coverage:.3f} | {row.trials} |"
        for row in shifted
    ]
    low, high = min(judged, key=lambda line: line.coverage), max(judged, key=lambda line: line.coverage)
    worst = max(zeros, key=lambda line: line.wrong)
    out += [
        "",
        "## In short",
        "",
        f"- At random or completely so: {len(judged)} quantities; coverage from {low.coverage:.3f} to "
        f"{high.coverage:.3f}; {len(off)} further than three Monte Carlo errors from what they should be "
        f"({named(off)}).",
        f"- A true zero is called found in at most {worst.wrong:.3f} of trials ({worst.truth}, {worst.dropout}, "
        f"{worst.quantity}); {sum(strays(line) and line.wrong > 0.05 for line in zeros)} of {len(zeros)} stray.",
        f"- Run again on {again[0].trials if again else 0} fresh trials: {len(still)} of {len(again)} still stray "
        f"({named(still)}).",
        f"- Failed trials: {sum(first - x.trials for x in lines)}.",
    ]
    return "\n".join(out) + "\n"


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--shifted", type=int, default=1000)
    parser.add_argument("--again", type=int, default=4000)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/trials.md"))
    given = parser.parse_args(arguments)
    start = time.process_time()
    lines: list[Line] = []
    shifted: list[Shifted] = []
    again: list[Line] = []
    numbers = f"--trials {given.trials} --shifted {given.shifted} --again {given.again}"
    worlds = [(replace(truth, dropout=dropout), name) for truth in truths() for name, dropout in dropouts().items()]

    def keep(what: str) -> None:
        """Write what there is, so that a run cut short leaves whole parts behind."""
        seconds = time.process_time() - start
        write_text(report(lines, shifted, again, seconds, f"benchmarks/trials.py {numbers}"), given.out)
        print(f"{what}: {seconds:.0f} s", flush=True)

    for world, name in worlds:
        lines += study_contrasts(world, name, given.trials)
        lines += study_ways(world, name, given.trials)
        keep(f"contrasts and ways, {world.name}, {name}")
    for world, name in worlds:
        if name != "not at random":
            off = [line for line in lines if (line.truth, line.dropout) == (world.name, name) and strays(line)]
            again += run_again(world, name, off, given.again)
            keep(f"{len(off)} again, {world.name}, {name}")
        else:
            shifted += study_shifts(world, given.shifted, DELTAS)
            keep(f"shifts, {world.name}")


if __name__ == "__main__":
    main(sys.argv[1:])
