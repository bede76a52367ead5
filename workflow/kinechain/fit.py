"""A fitted model: what was estimated, how well it is known, and whether to believe it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from kinechain.numerics import Array
from kinechain.numerics.model import GroupModel
from kinechain.parameter_table import ParameterTable
from kinechain.spec import ModelSpec

if TYPE_CHECKING:
    from kinechain.numerics.wls import WlsModel


class Status(Enum):
    """How a fit ended; the text says what to change."""

    CONVERGED = ""
    IMPROPER = (
        "The optimum is outside what variances and correlations can be (a Heywood case). Its numbers are shown as they "
        "are; the model may be wrong, or too large for these data"
    )
    STEP_LIMIT = "The search did not reach an optimum. Simplify the model, or give starting values with start()"
    NOT_IDENTIFIED = "The data cannot determine every parameter. Fix, equate or remove some of those named"
    SINGULAR = "The likelihood is flat at the optimum, so that no standard error exists. Remove or fix what is named"

    @property
    def code(self) -> str:
        """The status as one word in lower case, for files."""
        return self.name.lower()

    @property
    def has_numbers(self) -> bool:
        """Whether an optimum was reached, proper or not."""
        return self in (Status.CONVERGED, Status.IMPROPER)


@dataclass(frozen=True, slots=True)
class Search:
    """How the estimates were found.

    start             (k,) starting values
    steps             steps of the search (0: the starting values were the closed-form solution)
    gradient_norm     largest projected derivative of the mean log-likelihood, in units of its curvature's root
    condition_number  of the information about the free parameters, after scaling it to a unit diagonal
    """

    start: Array
    steps: int
    gradient_norm: float
    condition_number: float


@dataclass(frozen=True, slots=True)
class Accounting:
    """What became of the rows of the data.

    n_rows         rows given
    n_dropped      rows left out, by reason
    n_by_group     people used, by group
    group_labels   the groups in order of first appearance
    n_patterns     patterns of missing values, by group
    n_missing      variable -> values missing among the people used
    fixed          exogenous variables whose moments were taken as given
    n_clusters     clusters, 0 when people are independent
    """

    n_rows: int
    n_dropped: Mapping[str, int]
    n_by_group: tuple[int, ...]
    group_labels: tuple[str, ...]
    n_patterns: tuple[int, ...]
    n_missing: Mapping[str, int]
    fixed: tuple[str, ...]
    n_clusters: int = 0

    @property
    def n(self) -> int:
        """People used."""
        return sum(self.n_by_group)


@dataclass(frozen=True, slots=True)
class Fit:
    """One model fitted to one sample. Where no optimum was reached every number is NaN.

    spec         the model
    table        its rows, for all groups
    estimates    (k,) free parameters
    covariance   (k, k) their sampling covariance
    measures     fit measures under lavaan's names with `_` for `.`
    status       how it ended; `detail` names what it is about
    estimator    name in the registry
    information  expected, observed, or sandwich: what the covariance is made of
    rows         what became of the data
    search       how the estimates were found
    groups       (G,) where parameters stand, and the sufficient statistics of each group
    saturated    (G,) means (p,) and covariances (p, p) of the model that restricts nothing
    moment_covariances  (G,) sandwich covariance of the unrestricted moments, where the fit is robust
    ordinal      the model given covariates, where outcomes are ordered: `groups` then describe the latent responses,
                 with the residual variances of ordered outcomes, which follow from the parameters, at their values
    undefined    quantity (a fit measure, `standardised`) -> why it does not exist here
    links        outcome -> link of its equation, where that is not the identity
    """

    spec: ModelSpec
    table: ParameterTable
    estimates: Array
    covariance: Array
    measures: Mapping[str, float]
    status: Status
    estimator: str
    rows: Accounting
    search: Search
    groups: tuple[GroupModel, ...]
    saturated: tuple[tuple[Array, Array], ...]
    information: str = "expected"
    detail: str = ""
    notes: tuple[str, ...] = ()
    extra: Mapping[str, float] = field(default_factory=dict)
    moment_covariances: tuple[Array, ...] = ()
    ordinal: WlsModel | None = None
    undefined: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """People used."""
        return self.rows.n


def row_values(fit: Fit) -> Array:
    """Value of every row of the table: estimates, fixed values and sample moments; NaN where no optimum was reached."""
    if not fit.status.has_numbers:
        return np.full(len(fit.table.rows), math.nan)
    return np.concatenate([group.ram.cells(fit.estimates) for group in fit.groups])


def row_gradients(fit: Fit) -> Array:
    """(rows, k) derivative of every row by the free parameters."""
    gradients = np.zeros((len(fit.table.rows), len(fit.estimates)))
    for position, row in enumerate(fit.table.rows):
        if row.free:
            gradients[position, row.free - 1] = 1.0
    return gradients


def std_errors_of(gradients: Array, covariance: Array) -> Array:
    """Standard errors of functions of the parameters by the delta method: (r, k) gradients to (r,)."""
    variance = np.einsum("rk,kl,rl->r", gradients, covariance, gradients)
    return np.sqrt(np.where(variance > 0.0, variance, np.where(np.isnan(variance), math.nan, 0.0)))
