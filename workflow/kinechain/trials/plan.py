"""The analysis plan of trials: what config/trial.yaml declares before data are seen."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kinechain.errors import Problem, UserError, closest

FILE = "config/trial.yaml"
IMPUTED, DELTA, REFERENCE = "imputed", "delta", "jump_to_reference"
CARRIED = "last_observation_carried_forward"


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
    assumptions: tuple[str, ...] = (IMPUTED, DELTA, REFERENCE)
    labels: Mapping[str, str] = field(default_factory=dict)

    def comparison(self, name: str) -> Comparison:
        """The comparison of that name."""
        return next(comparison for comparison in self.comparisons if comparison.name == name)


def last_observation_carried_forward() -> Problem:
    """Why a value is never carried forward here."""
    return Problem(
        FILE,
        "carrying the last observation forward is refused: it lasts for ever in all who leave after treatment, so that"
        " a relapse can never be seen",
        "Choose among imputed, delta and jump_to_reference",
    )


def parse_plan(content: Mapping[str, Any]) -> TrialPlan:
    """The plan that config/trial.yaml holds. The file's shape was checked before.

    Raises UserError when the last observation is to be carried forward.
    """
    visits, responders, missing = content["visits"], content.get("responders", {}), content.get("missing", {})
    mediation, relapse = content.get("mediation"), content.get("relapse")
    if CARRIED in missing.get("assumptions", ()):
        raise UserError(last_observation_carried_forward())
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
        assumptions=tuple(missing.get("assumptions", (IMPUTED, DELTA, REFERENCE))),
        labels={str(name): str(words) for name, words in content.get("labels", {}).items()},
    )


def check_plan(plan: TrialPlan, constructs: Collection[str]) -> list[Problem]:
    """Names the plan speaks of that nothing has, and comparisons of an arm with itself.

    constructs  every construct of config/measures.yaml
    """
    return [*_unknown_contrasts(plan), *_unknown_constructs(plan, constructs), *_unequal_arms(plan)]


def _unknown_contrasts(plan: TrialPlan) -> Iterator[Problem]:
    known = [comparison.name for comparison in plan.comparisons]
    named = [("mediation.contrasts", name) for name in (plan.mediation.contrasts if plan.mediation else ())]
    if plan.noninferiority:
        named.append(("responders.noninferiority", plan.noninferiority))
    for key, name in named:
        if name not in known:
            yield Problem(FILE, f"`{key}` names `{name}`, which is not under `contrasts`", closest(name, known))


def _unknown_constructs(plan: TrialPlan, constructs: Collection[str]) -> Iterator[Problem]:
    named = {"outcomes": plan.outcomes, "covariates": plan.covariates, "missing.auxiliaries": plan.auxiliaries}
    if plan.distance:
        named["distance.of"] = (plan.distance.of,)
    if plan.responder_outcome:
        named["responders.outcome"] = (plan.responder_outcome,)
    if plan.mediation:
        named |= {"mediation.chain": plan.mediation.chain, "mediation.outcome": (plan.mediation.outcome,)}
    if plan.relapse:
        named |= {"relapse.outcome": (plan.relapse.outcome,), "relapse.moderators": plan.relapse.moderators}
    for key, names in named.items():
        for name in names:
            if name not in constructs and not any(name.removesuffix(end) in constructs for end in _ends(plan)):
                yield Problem(
                    FILE,
                    f"`{key}` names `{name}`, which is not a construct",
                    closest(name, list(constructs), "config/measures.yaml"),
                )


def _ends(plan: TrialPlan) -> tuple[str, ...]:
    return tuple(f"_{visit}" for visit in (plan.baseline, plan.after, plan.later))


def _unequal_arms(plan: TrialPlan) -> Iterator[Problem]:
    for comparison in plan.comparisons:
        both = [arm for arm in comparison.arms if arm in comparison.against]
        if both:
            yield Problem(
                FILE,
                f"the contrast `{comparison.name}` has `{both[0]}` on both sides",
                "Name each arm on one side only",
            )
