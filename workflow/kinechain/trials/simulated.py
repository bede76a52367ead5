"""A drawn trial as the analyses take it, without a file between: for studies of how the analyses behave."""

from __future__ import annotations

import numpy as np

from kinechain.simulate_trial import TrialDraw, TrialTruth
from kinechain.trials.trial import Trial


def trial_of(truth: TrialTruth, draw: TrialDraw, *, with_sites: bool = False) -> Trial:
    """The trial of one draw: no covariates, unless the sites."""
    arms = tuple(truth.arms)
    values = {variable.name: draw.observed(variable.name) for variable in truth.variables if variable.later}
    levels = np.arange(1, truth.sites) if with_sites else np.arange(0)
    Z = (draw.site[:, None] == levels).astype(float)
    return Trial(
        name=truth.name,
        arms=arms,
        arm=draw.arm,
        visits=tuple(truth.visits),
        values=values,
        day=np.where(draw.seen, draw.day, np.nan),
        attended=draw.seen,
        covariates=tuple(f"site {level}" for level in levels),
        Z=Z,
        filled={},
        left_out=(),
        cluster=None,
        units=dict.fromkeys(values, ""),
        measures={name: name for name in values},
    )
