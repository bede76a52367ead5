"""Claims: what is said, what would test it, and how it is decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kinechain.decisions import Decisions
from kinechain.errors import Problem, closest, raise_if_any

FILE = "config/claims.yaml"
BY_MEASURE = "@"
FALLBACK = "sesoi.arm_contrast"
"""Smallest contrast of arms where the measure has no smallest effect of its own; standardised."""


@dataclass(frozen=True, slots=True)
class Test:
    """One way to test a claim.

    model     name of a model or of a check
    effect    name in the effect table, or "" where the rule names its own effects
    evidence  cross_sectional, lagged or assignment: what the comparison rests on
    expects   for patterns, the verdict this effect must get
    """

    __test__ = False  # a test of a claim, not a test for pytest

    model: str
    effect: str = ""
    evidence: str = "cross_sectional"
    expects: str = "supported"


@dataclass(frozen=True, slots=True)
class Pair:
    """The same effects in a model before and a model after something is held."""

    before: str
    after: str
    effects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """An outcome reached through a mediator, and past it, in one model."""

    model: str
    indirect: str
    direct: str


@dataclass(frozen=True, slots=True)
class Caveat:
    """What stands beside a verdict, whatever it is, in a cohort that has the given variables."""

    given: tuple[str, ...]
    says: str


@dataclass(frozen=True, slots=True)
class Rule:
    """How a verdict is reached; the kind says which of the other fields count.

    kind     effect, chain, equivalence, dependence, independence, mediated, cancellation, pattern, vanishing, share,
             all_of
    scale    standardised, raw or share: the scale of the estimate and of its smallest effect
    sesoi    name of the decision that holds the smallest effect of interest; `sesoi.@<construct>` stands for the one of
             the measure that stands for the construct in a cohort
    says     effect -> the words a sentence uses for it, where its name says too little
    """

    kind: str
    scale: str = "standardised"
    sesoi: str = ""
    low: str = ""
    high: str = ""
    edges: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    total: str = ""
    null_model: str = ""
    open_models: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    expects: Mapping[str, str] = field(default_factory=dict)
    compare: tuple[str, str] | None = None
    pairs: tuple[Pair, ...] = ()
    says: Mapping[str, str] = field(default_factory=dict)

    def word(self, effect: str) -> str:
        """What a sentence calls an effect: its own words where it has some, else its name."""
        return self.says.get(effect, effect)

    @property
    def claims(self) -> tuple[str, ...]:
        """Claims whose verdicts this rule reads."""
        return (*self.edges, *self.expects)

    @property
    def models(self) -> tuple[str, ...]:
        """Models this rule names by itself."""
        named = [self.null_model, *self.open_models, *(self.compare or ())]
        named += [target.model for target in self.targets]
        named += [model for pair in self.pairs for model in (pair.before, pair.after)]
        return tuple(dict.fromkeys(name for name in named if name))


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim; the keys are those of config/claims.yaml, described in its schema."""

    id: str
    gist: str
    kind: str
    effect: str
    exposure: str
    outcome: str
    sign: int
    estimand: str
    design: tuple[str, ...]
    cause_needs: str
    needs: tuple[str, ...]
    rule: Rule
    tests: tuple[Test, ...]
    family: str
    contradicted_when: str
    overturned_by: str
    collider_frames: tuple[str, ...] = ()
    caveats: tuple[Caveat, ...] = ()


def parse_claims(content: Mapping[str, Mapping[str, Any]]) -> tuple[Claim, ...]:
    """The claims that config/claims.yaml holds, in its order. The file's shape was checked before."""
    return tuple(_parse_claim(name, entry) for name, entry in content.items())


def _parse_claim(name: str, entry: Mapping[str, Any]) -> Claim:
    fields: dict[str, Any] = dict(entry)
    for key in ("design", "needs", "collider_frames"):
        fields[key] = tuple(str(item) for item in entry.get(key, ()))
    fields["caveats"] = tuple(Caveat(tuple(one["given"]), str(one["says"])) for one in entry.get("caveats", ()))
    fields["rule"] = _parse_rule(entry["rule"])
    fields["tests"] = tuple(Test(**test) for test in entry["tests"])
    return Claim(id=name, **fields)


def _parse_rule(entry: Mapping[str, Any]) -> Rule:
    fields: dict[str, Any] = dict(entry)
    for key in ("edges", "effects", "parts", "open_models"):
        fields[key] = tuple(fields.get(key, ()))
    if "open_model" in fields:
        fields["open_models"] = (fields.pop("open_model"),)
    fields["targets"] = tuple(Target(**target) for target in fields.get("targets", ()))
    fields["pairs"] = tuple(
        Pair(pair["before"], pair["after"], tuple(pair["effects"])) for pair in fields.get("pairs", ())
    )
    if "compare" in fields:
        fields["compare"] = (fields["compare"]["null_model"], fields["compare"]["open_model"])
    return Rule(**fields)


NEEDS_SESOI = (
    "effect",
    "chain",
    "equivalence",
    "all_of",
    "dependence",
    "independence",
    "mediated",
    "cancellation",
    "vanishing",
)


def settle_sesoi(claim: Claim, measures: Mapping[str, str], decisions: Decisions) -> Claim:
    """The claim with a smallest effect that is named by construct replaced by that of the cohort's measure.

    measures  construct -> measure that stands for it

    Where that measure has none, the standardised fallback takes its place, and so does its scale.
    """
    prefix, found, construct = claim.rule.sesoi.partition(BY_MEASURE)
    if not found:
        return claim
    name = f"{prefix}{measures.get(construct, construct)}"
    rule = (
        replace(claim.rule, sesoi=name)
        if name in decisions
        else replace(claim.rule, sesoi=FALLBACK, scale="standardised")
    )
    return replace(claim, rule=rule)


def draws_needed(claims: Sequence[Claim]) -> dict[str, tuple[str, ...]]:
    """Model -> columns of its table of draws that the rules read; models that no rule reads draws of are left out."""
    wanted: dict[str, dict[str, None]] = {}

    def want(model: str, effect: str, scale: str) -> None:
        if model and effect:
            wanted.setdefault(model, {})[f"std:{effect}" if scale == "standardised" else effect] = None

    for claim in claims:
        rule = claim.rule
        for test in claim.tests:
            for effect in (test.effect, *rule.effects, *rule.parts, rule.total):
                want(test.model, effect, rule.scale)
        for target in rule.targets:
            for effect in (target.indirect, target.direct):
                want(target.model, effect, rule.scale)
        for pair in rule.pairs:
            for effect in pair.effects:
                want(pair.before, effect, rule.scale)
                want(pair.after, effect, rule.scale)
    return {model: tuple(columns) for model, columns in wanted.items()}


def claim_problems(claims: tuple[Claim, ...], decisions: Decisions) -> list[Problem]:
    """Mistakes inside the ledger itself: unknown claims and decisions, scales that do not meet, rules that go round."""
    known = {claim.id for claim in claims}
    problems: list[Problem] = []
    for claim in claims:
        where = f"{FILE}: {claim.id}"
        for other in claim.rule.claims:
            if other not in known:
                problems.append(
                    Problem(where, f"`rule` reads the claim `{other}`, which is not there", closest(other, known))
                )
        needed = [claim.rule.sesoi] if claim.rule.kind in NEEDS_SESOI or claim.rule.sesoi else []
        needed = [FALLBACK if BY_MEASURE in name else name for name in needed]
        needed += [claim.rule.low, claim.rule.high] if claim.rule.kind == "share" else []
        for name in needed:
            if name not in decisions:
                what = f"`sesoi` = `{name}` is not a decision" if name else "`rule` names no `sesoi`"
                problems.append(Problem(where, what, closest(name, decisions.entries, "config/decisions.yaml")))
            elif name != FALLBACK and decisions[name].scale != claim.rule.scale:
                what = f"the estimate is {claim.rule.scale} but `{name}` is {decisions[name].scale}"
                remedy = "Write the `scale` of the rule and of its `sesoi` alike"
                problems.append(Problem(where, what, remedy))
        if BY_MEASURE in claim.rule.sesoi and claim.rule.scale != "raw":
            what = f"`{claim.rule.sesoi}` is in the measure's own unit, but the estimate is {claim.rule.scale}"
            problems.append(Problem(where, what, "Write `scale: raw`"))
        directed = claim.rule.kind in ("effect", "chain", "mediated", "vanishing", "all_of")
        if directed and claim.sign == 0:
            problems.append(
                Problem(where, f"a rule of kind `{claim.rule.kind}` needs a direction", "Write `sign: 1` or `-1`")
            )
    if not problems:
        problems = _circles(claims)
    return problems


def in_order(claims: tuple[Claim, ...]) -> tuple[Claim, ...]:
    """The claims so ordered that each comes after those its rule reads.

    Raises UserError when rules read one another in a circle.
    """
    raise_if_any(_circles(claims))
    placed: dict[str, Claim] = {}
    while len(placed) < len(claims):
        for claim in claims:
            if claim.id not in placed and all(other in placed for other in claim.rule.claims):
                placed[claim.id] = claim
    return tuple(placed.values())


def _circles(claims: tuple[Claim, ...]) -> list[Problem]:
    left = {claim.id: set(claim.rule.claims) for claim in claims}
    while ready := [name for name, others in left.items() if not others & left.keys()]:
        for name in ready:
            del left[name]
    names = ", ".join(sorted(left))
    remedy = "Let one of them name a model and an effect instead"
    return [Problem(FILE, f"the rules of {names} read one another in a circle", remedy)] if left else []
