"""Who improved enough to matter, by arm, and how the shares differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kinechain.numerics import Array
from kinechain.numerics.shares import Share, difference_of, effective_people
from kinechain.trials.contrasts import possible
from kinechain.trials.plan import Comparison, TrialPlan
from kinechain.trials.trial import Trial

SEEN, IMPUTED, REFERENCE = "seen", "imputed", "jump_to_reference"


@dataclass(frozen=True, slots=True)
class ResponderRow:
    """Difference of the shares of responders at one visit.

    method  seen: people seen at both visits; imputed: unseen visits drawn at random given what was seen;
            jump_to_reference: after leaving, they follow the control arm
    n_arm, n_against  people behind each share (effective numbers where visits were imputed)
    """

    outcome: str
    comparison: Comparison
    when: str
    method: str
    share_arm: float
    share_against: float
    n_arm: float
    n_against: float
    difference: Share
    mcid: float


def compare_responders(
    trial: Trial, plan: TrialPlan, mcid: float, completed: dict[str, Array], used: NDArray[np.bool_]
) -> list[ResponderRow]:
    """Responders of the plan's outcome at both later visits.

    mcid       improvement that matters, > 0, in the outcome's unit; higher values are worse
    completed  method -> (M, n, V) completed data sets of the people used
    """
    outcome = plan.responder_outcome
    Y = trial.values[outcome]
    rows = []
    for comparison in possible(trial, plan):
        for when in (plan.after, plan.later):
            v = trial.visits.index(when)
            gain = Y[:, 0] - Y[:, v]
            sides = []
            for arms in (comparison.arms, comparison.against):
                there = np.isin(trial.arm, trial.index(arms)) & ~np.isnan(gain)
                sides.append((float((gain[there] >= mcid).mean()) if there.any() else np.nan, float(there.sum())))
            rows.append(_row(outcome, comparison, when, SEEN, sides, mcid))
            for method, values in completed.items():
                improved = values[:, :, 0] - values[:, :, v] >= mcid
                sides = []
                for arms in (comparison.arms, comparison.against):
                    there = np.isin(trial.arm[used], trial.index(arms))
                    shares = improved[:, there].mean(axis=1)
                    sides.append(effective_people(shares, np.full(len(shares), float(there.sum()))))
                rows.append(_row(outcome, comparison, when, method, sides, mcid))
    return rows


def _row(
    outcome: str, comparison: Comparison, when: str, method: str, sides: list[tuple[float, float]], mcid: float
) -> ResponderRow:
    (p, n), (q, m) = sides
    return ResponderRow(outcome, comparison, when, method, p, q, n, m, difference_of(p, n, q, m), mcid)
