"""Draws of a model from a cohort, by what the cohort holds and declares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kinechain.numerics.streams import Scheme
from kinechain.resampling.drawing import draw_effects
from kinechain.resampling.draws import Draws
from kinechain.spec import ModelSpec

if TYPE_CHECKING:
    from kinechain.cohort import Cohort


def draw_cohort(spec: ModelSpec, cohort: Cohort, *, seed: int, draws: int, interval: str = "percentile") -> Draws:
    """Every effect of the model in every draw: people are resampled, a published table is drawn from.

    Under `monte_carlo` parameters are drawn at their estimate and nobody is resampled. Otherwise whole clusters are
    resampled where the cohort declares a cluster column. Gaps are handled as the model says.
    """
    if cohort.moments is not None:
        return draw_effects(spec, cohort.moments, seed=seed, draws=draws, cohort=cohort.name)
    people = cohort.people
    assert people is not None
    columns = {str(name): people[name] for name in people.columns}
    column = cohort.roles.get("cluster")
    scheme = Scheme.CLUSTER if column else Scheme.MULTINOMIAL
    if interval == "monte_carlo":
        scheme = Scheme.MONTE_CARLO
    return draw_effects(
        spec,
        columns,
        seed=seed,
        draws=draws,
        cohort=cohort.name,
        scheme=scheme,
        cluster=people[column].to_numpy() if column else None,
        accelerate=interval == "bca",
    )
