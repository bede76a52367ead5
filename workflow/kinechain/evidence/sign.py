"""The one sign rule: which sign a claim expects between two raw columns."""

from __future__ import annotations

from kinechain.errors import Problem, UserError


def expected_raw_sign(claimed: int, orientation_exposure: int, orientation_outcome: int) -> int:
    """Expected sign between raw columns: claimed sign times both orientations.

    claimed      sign in problem space, where higher is more of the problem: +1, -1, or 0 for a claim of no effect
    orientation  +1 where a higher raw value is more of the construct, -1 where it is less

    Raises UserError for a column without a direction: its sign cannot be expected.
    """
    if 0 in (orientation_exposure, orientation_outcome):
        raise UserError(
            Problem(
                "config/measures.yaml",
                "a measure with orientation 0 has no expected sign",
                "Give it orientation 1 or -1, or use it as a covariate",
            )
        )
    return claimed * orientation_exposure * orientation_outcome
