"""Two treatments given alone, together and not at all: what each adds, and whether they add up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from kinechain.numerics.longitudinal import Contrast, contrast
from kinechain.trials.contrasts import MAINTENANCE, ArmModel
from kinechain.trials.plan import TrialPlan
from kinechain.trials.trial import Trial

CELLS = ("none", "first", "second", "both")
EFFECTS = {
    "first": (-0.5, 0.5, -0.5, 0.5),  # mean with the first treatment minus mean without it
    "second": (-0.5, -0.5, 0.5, 0.5),
    "interaction": (1.0, -1.0, -1.0, 1.0),  # both minus the sum of what each adds
}


@dataclass(frozen=True, slots=True)
class FactorialRow:
    """A main effect or the interaction at one visit.

    effect  first, second (averaged over the other treatment), interaction
    """

    outcome: str
    effect: str
    when: str
    result: Contrast
    n: int
    unit: str


def cross_factors(trial: Trial, plan: TrialPlan, models: Mapping[str, ArmModel]) -> Iterator[FactorialRow]:
    """Main effects and interaction of every outcome; nothing where a cell of the four is empty."""
    arms = [plan.factorial.get(cell, "") for cell in CELLS]
    if any(arm not in trial.arms for arm in arms):
        return
    for outcome, model in models.items():
        for when in (plan.after, plan.later, MAINTENANCE):
            visits = [(plan.later, 1.0), (plan.after, -1.0)] if when == MAINTENANCE else [(when, 1.0)]
            for effect, signs in EFFECTS.items():
                weights = np.sum(
                    [
                        factor * sign * model.mean(trial.arms.index(arm), trial.visits.index(visit))
                        for visit, factor in visits
                        for sign, arm in zip(signs, arms, strict=True)
                    ],
                    axis=0,
                )
                result = contrast(weights, model.fit.beta, model.fit.covariance, model.df)
                yield FactorialRow(outcome, effect, when, result, int(model.used.sum()), trial.units.get(outcome, ""))
