"""Forward against reverse: whether one wave can tell a chain from the chain turned round."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SENTENCE_ALIKE = (
    "The chain and its reverse are statistically indistinguishable in this wave: both models of the same variables "
    "have the same log-likelihood, degrees of freedom and information criteria, whatever the data."
)
SENTENCE_APART = (
    "The two models differ in log-likelihood, which comes from covariates that touch only some equations: it is no "
    "evidence of direction."
)
SENTENCE_UNKNOWN = "Chain and reverse chain were not both fitted to all variables, so that they were not compared."


@dataclass(frozen=True, slots=True)
class Directions:
    """A forward and a reverse model of the same variables, compared.

    forward, reverse         names of the models, "" when not fitted
    logl_forward, _reverse   their joint log-likelihoods
    df_forward, df_reverse   their degrees of freedom
    difference               logl_forward - logl_reverse
    indistinguishable        True when likelihood and df agree, False when not, None when they were not compared
    sentence                 what a report says
    """

    forward: str
    reverse: str
    logl_forward: float
    logl_reverse: float
    df_forward: float
    df_reverse: float
    difference: float
    indistinguishable: bool | None
    sentence: str


def compare_directions(
    fits: Mapping[str, Mapping[str, Any]], forward: str, reverse: str, *, tolerance: float
) -> Directions:
    """The joint models of a chain and of its reverse: one Markov equivalence class, so one likelihood.

    tolerance  difference of log-likelihoods that counts as rounding

    Verma & Pearl (1990): graphs with one skeleton and the same colliders imply the same distributions.
    """
    measures = [fits.get(name, {}).get("fit_measures", {}) for name in (forward, reverse)]
    logl = [_number(one.get("logl")) for one in measures]
    df = [_number(one.get("df")) for one in measures]
    n = [fits.get(name, {}).get("n_obs") for name in (forward, reverse)]
    difference = logl[0] - logl[1]
    if math.isnan(difference) or n[0] != n[1]:
        return Directions(forward, reverse, logl[0], logl[1], df[0], df[1], math.nan, None, SENTENCE_UNKNOWN)
    alike = abs(difference) <= tolerance * max(1.0, abs(logl[0])) and df[0] == df[1]
    sentence = SENTENCE_ALIKE if alike else SENTENCE_APART
    return Directions(forward, reverse, logl[0], logl[1], df[0], df[1], difference, alike, sentence)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
