"""Truths from their files: the declared worlds behind the synthetic cohorts."""

from __future__ import annotations

from pathlib import Path

from kinechain.errors import raise_if_any
from kinechain.io import read_yaml
from kinechain.schema import check_shape
from kinechain.simulate import Truth, truth_from
from kinechain.simulate_trial import TrialTruth, trial_truth_from


def read_truth(path: Path) -> Truth:
    """Read a truth file, and the one it is like.

    Raises UserError with every mistake in its shape (workflow/schemas/truth.schema.yaml) or its meaning.
    """
    content = read_yaml(path)
    raise_if_any(check_shape(content, "truth", path))
    like = read_truth(path.parent / content["like"]) if "like" in content else None
    return truth_from(content, like)


def read_trial_truth(path: Path) -> TrialTruth:
    """Read a trial's truth file, and the one it is like.

    Raises UserError with every mistake in its shape (workflow/schemas/trial_truth.schema.yaml) or its meaning.
    """
    content = read_yaml(path)
    raise_if_any(check_shape(content, "trial_truth", path))
    like = read_trial_truth(path.parent / content["like"]) if "like" in content else None
    return trial_truth_from(content, like)
