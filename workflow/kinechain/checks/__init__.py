"""Checks: the same effects under another defensible choice, and what could undo them.

Each check is a function of a `Study` and returns one tidy table; a new one is a file here and a line in CHECKS.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from kinechain.checks.adjustment import check_adjustment
from kinechain.checks.atlas import check_atlas
from kinechain.checks.clinical import check_clinical_units, check_equivalence
from kinechain.checks.confounding import check_residual_correlation, check_robustness
from kinechain.checks.controls import check_negative_controls
from kinechain.checks.curve import check_specifications
from kinechain.checks.independence import check_independences
from kinechain.checks.influence import check_influence
from kinechain.checks.mediators import check_mediators
from kinechain.checks.missing import check_missing
from kinechain.checks.moderation import check_moderation
from kinechain.checks.natural import check_natural_effects
from kinechain.checks.plan import CheckPlan, CheckResult, Study, build_study, parse_plan
from kinechain.checks.preflight import plan_problems
from kinechain.checks.reliability import check_reliability
from kinechain.checks.shape import THRESHOLD_MODEL, check_splines, check_threshold
from kinechain.errors import UserError

CHECKS: dict[str, Callable[[Study], CheckResult]] = {
    "threshold": check_threshold,
    "independences": check_independences,
    "adjustment": check_adjustment,
    "atlas": check_atlas,
    "residual_correlation": check_residual_correlation,
    "robustness": check_robustness,
    "reliability": check_reliability,
    "missing": check_missing,
    "specifications": check_specifications,
    "influence": check_influence,
    "negative_controls": check_negative_controls,
    "splines": check_splines,
    "moderation": check_moderation,
    "natural_effects": check_natural_effects,
    "mediators": check_mediators,
    "clinical_units": check_clinical_units,
    "equivalence": check_equivalence,
}


def run_checks(study: Study) -> dict[str, CheckResult]:
    """Every check, in the order of CHECKS. What could not be asked or computed is in the notes of its result."""
    return {name: _run(name, check, study) for name, check in CHECKS.items()}


def _run(name: str, check: Callable[[Study], CheckResult], study: Study) -> CheckResult:
    try:
        return check(study)
    except (np.linalg.LinAlgError, ArithmeticError) as error:
        note = f"It could not be computed: {error}. Look for variables that repeat one another, and for too few people."
    except UserError as error:
        note = f"It could not be computed: {error}"
    return CheckResult(name, pd.DataFrame(columns=["note"]), (note,))


__all__ = [
    "CHECKS",
    "THRESHOLD_MODEL",
    "CheckPlan",
    "CheckResult",
    "Study",
    "build_study",
    "parse_plan",
    "plan_problems",
    "run_checks",
]
