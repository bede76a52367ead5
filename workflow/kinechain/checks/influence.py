"""What any single person does to a link, as a range."""

from __future__ import annotations

import numpy as np
import pandas as pd

from kinechain.checks.plan import CheckResult, Study
from kinechain.numerics.regression import regress, slopes_without_each


def check_influence(study: Study) -> CheckResult:
    """Range of each standardised link as every person in turn is left out; no person is shown.

    The whole sample's standard deviations scale every estimate, so that only the slope moves.

    Columns: effect, estimate, lowest, highest, largest_change_in_errors (largest move in standard errors of the
    estimate), sign_changes (whether leaving one person out turns the sign), n.
    """
    rows = []
    notes: list[str] = []
    fewest = int(study.decisions.value("gate.smallest_shown_count"))
    for outcome, cause in study.plan.edges:
        predictors = study.parents(outcome) if study.plan.main_model in study.models else ()
        data = study.rows((outcome, *predictors)) if cause in predictors else np.empty((0, 1))
        if len(data) < max(fewest, len(predictors) + 3):
            notes.append(f"{outcome}~{cause}: rows of single people are needed and there are too few or none.")
            continue
        at = predictors.index(cause)
        scale = data[:, 1 + at].std() / data[:, 0].std()
        left_out = slopes_without_each(data[:, 0], data[:, 1:])[:, at] * scale
        fitted = regress(study.moments((outcome, *predictors)), outcome, predictors)
        estimate, error = fitted.slope(cause) * scale, fitted.std_error(cause) * scale
        moved = float(np.max(np.abs(left_out - estimate)) / error)
        turned = bool(np.any(np.sign(left_out) != np.sign(estimate)))
        rows.append((f"{outcome}~{cause}", estimate, left_out.min(), left_out.max(), moved, turned, len(data)))
    columns = ["effect", "estimate", "lowest", "highest", "largest_change_in_errors", "sign_changes", "n"]
    return CheckResult("influence", pd.DataFrame(rows, columns=columns), tuple(notes))
