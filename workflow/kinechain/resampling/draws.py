"""Draws: every effect of a model, once for each draw, and how the draws were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kinechain import workload
from kinechain.cohort import Finding
from kinechain.effect_plan import EffectPlan, evaluate_plan
from kinechain.numerics import Array
from kinechain.numerics.streams import Scheme

if TYPE_CHECKING:
    import pandas as pd

MOST_FAILED = 0.05
"""Share of failed draws above which there is no interval: the draws that are left are no longer a random sample."""


@dataclass(frozen=True, slots=True)
class ParameterDraws:
    """Every row of a parameter table in each of `D` draws.

    values        (rows, D)
    standardised  (rows, D)  std.all, standardised anew in every draw
    failed        (D,)       draws in which the model could not be fitted: NaN above
    """

    values: Array
    standardised: Array
    failed: NDArray[np.bool_]


def join_parameters(parts: Sequence[ParameterDraws]) -> ParameterDraws:
    """Draws of several blocks as one, in order."""
    return ParameterDraws(
        np.concatenate([part.values for part in parts], axis=1),
        np.concatenate([part.standardised for part in parts], axis=1),
        np.concatenate([part.failed for part in parts]),
    )


@dataclass(frozen=True, slots=True)
class Draws:
    """Every effect of a model in every draw.

    model, cohort  names
    plan           the effects, in order
    values         (e, D)  in the units of the effects; NaN in a draw that failed
    standardised   (e, D)
    estimate, standardised_estimate  (e,)  the same computation on the sample itself
    acceleration, standardised_acceleration  (e,)  for bca; NaN when it was not asked for
    seed, scheme   where the random numbers come from
    attempted      draws tried
    failed         draws in which the model could not be fitted
    n              people behind the estimates
    method         in words, for tables and captions
    """

    model: str
    cohort: str
    plan: EffectPlan
    values: Array
    standardised: Array
    estimate: Array
    standardised_estimate: Array
    acceleration: Array
    standardised_acceleration: Array
    seed: int
    scheme: Scheme
    attempted: int
    failed: int
    n: int
    method: str

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the effects, in order."""
        return self.plan.names

    @property
    def is_usable(self) -> bool:
        """Whether few enough draws failed for an interval."""
        return self.attempted > 0 and self.failed <= MOST_FAILED * self.attempted

    def effect(self, name: str, *, standardised: bool = False) -> Array:
        """The draws (D,) of one effect. Raises KeyError for a name the model does not have."""
        if name not in self.names:
            raise KeyError(name)
        values = self.standardised if standardised else self.values
        return np.asarray(values[self.names.index(name)])


def effects_of(plan: EffectPlan, parameters: ParameterDraws) -> tuple[Array, Array]:
    """Raw and standardised effects (e, D) of parameter draws."""
    return evaluate_plan(plan, parameters.values, parameters.standardised)


def draws_frame(draws: Draws) -> pd.DataFrame:
    """Draws as a table: one row a draw, a column for each effect and `std:` before each standardised one."""
    import pandas as pd

    columns = [*draws.names, *(f"std:{name}" for name in draws.names)]
    return pd.DataFrame(np.concatenate([draws.values, draws.standardised]).T, columns=columns)


def draws_metadata(draws: Draws) -> dict[str, Any]:
    """How the draws were made, for the file they are written to."""
    return {
        "model": draws.model,
        "cohort": draws.cohort,
        "seed": draws.seed,
        "scheme": draws.scheme.name.lower(),
        "method": draws.method,
        "attempted": draws.attempted,
        "failed": draws.failed,
        "n": draws.n,
    }


def restore_draws(sample: Draws, frame: pd.DataFrame, metadata: Mapping[str, Any]) -> Draws:
    """Draws from what `draws_frame` and `draws_metadata` gave of them; the rest is that of `sample`.

    Raises ValueError when they are draws of something else.
    """
    own = draws_metadata(sample)
    differ = [key for key in ("model", "cohort", "seed", "scheme", "method", "n") if metadata[key] != own[key]]
    names = [*sample.names, *(f"std:{name}" for name in sample.names)]
    if list(frame.columns) != names:
        differ.append("effects")
    if differ:
        raise ValueError(f"these draws differ in their {', '.join(differ)}")
    values = frame.to_numpy(np.float64).T
    half = len(sample.names)
    return replace(
        sample,
        values=np.ascontiguousarray(values[:half]),
        standardised=np.ascontiguousarray(values[half:]),
        attempted=int(metadata["attempted"]),
        failed=int(metadata["failed"]),
    )


def findings(draws: Draws) -> tuple[Finding, ...]:
    """Doubts about the draws: too few of them, or some that failed."""
    found = []
    if few := workload.few_draws(draws.attempted):
        found.append(
            Finding(
                "warning",
                "",
                f"model {draws.model}: {few}",
                draws.attempted,
                f"Set `draws` to {workload.FEWEST_DRAWS} or more under `inference` in config.yaml",
            )
        )
    if draws.failed:
        level = "note" if draws.is_usable else "error"
        remedy = (
            "They take no part in the limits"
            if draws.is_usable
            else f"More than {MOST_FAILED:.0%} failed: there is no interval. Look for a covariate that hardly varies, "
            "or for too many parameters for this many people"
        )
        found.append(
            Finding(
                level,  # type: ignore[arg-type]  # one of two literals
                "",
                f"model {draws.model}: {draws.failed} of {draws.attempted} draws could not be fitted",
                draws.failed,
                remedy,
            )
        )
    return tuple(found)
