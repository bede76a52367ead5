"""The analysis plan of trials: what config/trial.yaml declares before data are seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FILE = "config/trial.yaml"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Mean of some arms minus the mean of others."""

    name: str
    arms: tuple[str, ...]
    against: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Distance:
    """Distance of a construct from neutral, among those beyond it at baseline."""

    name: str
    of: str


@dataclass(frozen=True, slots=True)
class Mediation:
    """From arm through the chain (after treatment) to the outcome (later)."""

    chain: tuple[str, ...]
    outcome: str
    contrasts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Relapse:
    """Loss of what was gained, in one arm beside another."""

    outcome: str
    arm: str
    against: str
    moderators: tuple[str, ...]
    name: str


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """The plan; the keys are those of config/trial.yaml, described in its schema.

    baseline, after, later  names of the three visits that contrasts speak of
    """

    control: str
    baseline: str
    after: str
    later: str
    outcomes: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    covariates: tuple[str, ...] = ()
    factorial: Mapping[str, str] = field(default_factory=dict)
    distance: Distance | None = None
    responder_outcome: str = ""
    noninferiority: str = ""
    mediation: Mediation | None = None
    relapse: Relapse | None = None
    shifted_arms: tuple[str, ...] = ()
    imputations: int = 50
    auxiliaries: tuple[str, ...] = ()

    def comparison(self, name: str) -> Comparison:
        """The comparison of that name."""
        return next(comparison for comparison in self.comparisons if comparison.name == name)


def parse_plan(content: Mapping[str, Any]) -> TrialPlan:
    """The plan that config/trial.yaml holds. The file's shape was checked before."""
    visits, responders, missing = content["visits"], content.get("responders", {}), content.get("missing", {})
    mediation, relapse = content.get("mediation"), content.get("relapse")
    return TrialPlan(
        control=content["control"],
        baseline=visits["baseline"],
        after=visits["after"],
        later=visits["later"],
        outcomes=tuple(content["outcomes"]),
        comparisons=tuple(
            Comparison(name, tuple(sides["arms"]), tuple(sides["against"]))
            for name, sides in content["contrasts"].items()
        ),
        covariates=tuple(content.get("covariates", ())),
        factorial=dict(content.get("factorial", {})),
        distance=Distance(**content["distance"]) if "distance" in content else None,
        responder_outcome=responders.get("outcome", ""),
        noninferiority=responders.get("noninferiority", ""),
        mediation=Mediation(tuple(mediation["chain"]), mediation["outcome"], tuple(mediation["contrasts"]))
        if mediation
        else None,
        relapse=Relapse(
            relapse["outcome"], relapse["arm"], relapse["against"], tuple(relapse["moderators"]), relapse["name"]
        )
        if relapse
        else None,
        shifted_arms=tuple(missing.get("arms", ())),
        imputations=int(missing.get("imputations", 50)),
        auxiliaries=tuple(missing.get("auxiliaries", ())),
    )
