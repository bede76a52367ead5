"""The gate: what must hold before a claim gets any verdict. A reason to stop is a sentence for the reader."""

from __future__ import annotations

from collections.abc import Iterable

from kinechain.evidence.claim import Claim
from kinechain.evidence.material import WHOLE_FIT, Found, Material

_DESIGNS = {
    "cross_sectional": "a cross-sectional cohort",
    "longitudinal": "repeated visits",
    "trial": "a trial with randomised arms",
    "summary": "a table of means and correlations",
}


def closed_by_cohort(claim: Claim, material: Material) -> list[str]:
    """Why this cohort cannot test a claim, whatever is fitted: its design, or what it did not measure."""
    reasons: list[str] = []
    if material.design not in claim.design:
        these = "these are" if material.design == "longitudinal" else "this is"
        reasons.append(f"The claim needs {_designs(claim)}; {these} {_DESIGNS[material.design]}.")
    lacking = [name for name in claim.needs if name not in material.variables]
    if lacking:
        reasons.append(f"The cohort has no measure of {_listed(lacking, 'or')}.")
    return reasons or [
        f"The sign or unit of {name} is unsettled: {material.problems[name]}."
        for name in claim.needs
        if name in material.problems
    ]


def what_it_takes(claim: Claim, material: Material) -> str:
    """What would let a claim be tested that this cohort cannot test: a design or measures; "" where reasons say it."""
    lacking = [name for name in claim.needs if name not in material.variables]
    wrong = material.design not in claim.design
    if "cross_sectional" not in claim.design:
        return f"It would take {claim.cause_needs}"
    if not wrong and not lacking:
        return ""
    cohort = f"{_designs(claim)}," if wrong and lacking else _designs(claim) if wrong else "a cohort"
    measured = f" with {_listed(lacking, 'and')} measured" if lacking else ""
    return f"It would take {cohort}{measured}"


def closed_by_model(model: str, material: Material) -> list[str]:
    """Why a fitted model cannot carry a verdict: not converged, too few people."""
    problem = material.status_problem(model)
    if problem:
        return [f"{problem[0].upper()}{problem[1:]}."]
    n = material.n_of(model)
    least = int(material.decisions.value("gate.minimum_n"))
    if n < least:
        return [f"Only {n} people could be used; {least} are the least for any verdict."]
    npar = material.structural_parameters(model)
    ratio = material.decisions.value("gate.minimum_n_per_parameter")
    if n < ratio * npar:
        need = f"{ratio:g} people a parameter are the least"
        return [f"{n} people are too few for the {npar:.0f} parameters of {model}; {need}."]
    return []


def closed_by_effect(found: Found | None, model: str, effect: str, material: Material) -> list[str]:
    """Why an effect cannot carry a verdict: it is not there, or too many of its draws failed."""
    if found is None:
        return [f"The model {model} has no effect {effect} in this cohort."]
    most = material.decisions.value("gate.failed_draws")
    if found.failed > most:
        return [
            f"{100 * found.failed:.1f} % of the draws of {model} failed; more than {100 * most:g} % decide nothing."
        ]
    if not found.limits.is_known:
        return [f"The effect {effect} of {model} has no interval."]
    return []


def poor_fits(behind: Iterable[tuple[str, str]], material: Material) -> list[str]:
    """That a model behind a verdict fits badly, a sentence each; its verdict stands, its reader is told.

    behind  model and effect of everything the verdict rests on
    """
    cut = material.decisions.value("fit.poor_rmsea")
    sentences: dict[str, None] = {}
    for model, effect in behind:
        rmsea, is_its_own = material.rmsea_of(model, effect)
        if effect != WHOLE_FIT and rmsea > cut:
            named = "A model behind this verdict" if is_its_own else f"The model {model}"
            says = f"fits badly (RMSEA {rmsea:.3f}; above {cut:g} fit is poor): its numbers may mislead."
            sentences[f"{named} {says}"] = None
    return list(sentences)


def _designs(claim: Claim) -> str:
    return _listed([_DESIGNS[design] for design in claim.design], "or")


def _listed(names: list[str], last: str) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}"
