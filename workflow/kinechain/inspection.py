"""What a fitted model leaves unexplained: residuals, explained variance, modification indices, comparisons."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from kinechain.estimators.layout import PARTS, read_constraints
from kinechain.fit import Fit
from kinechain.numerics import Array
from kinechain.numerics.information import invert_information
from kinechain.numerics.likelihood import expected_information, log_likelihood, observed_information
from kinechain.numerics.model import NormalModel
from kinechain.numerics.ordinal_model import differentiate_statistics
from kinechain.numerics.polychoric import pairs
from kinechain.numerics.ram import Part, Ram, differentiate_moments, imply_moments
from kinechain.numerics.robust import saturated_derivatives
from kinechain.numerics.wls import WlsModel
from kinechain.parameter_table import Row
from kinechain.rounding import published
from kinechain.solution import solve_rows

AT_A_BOUND = 1e-8
"""Distance from an inequality constraint below which it holds with equality."""
NO_INFORMATION = 1e-7
"""Share of a parameter's own information that must be left beside the others for an index to mean anything."""


@dataclass(frozen=True, slots=True)
class Residual:
    """How far the model is from one observed moment.

    lhs, rhs      the two variables of a covariance; rhs is "" for a mean
    raw           sample less implied
    normalised    over the standard error of the sample moment; NaN for the moments of fixed covariates
    standardised  over the standard error of the residual itself, given the fixed covariates; NaN where it cannot vary

    Standard errors are those of lavaan's `lavResiduals()`: from the fit's own kind of information, sandwich for mlr.
    """

    lhs: str
    rhs: str
    group: int
    raw: float
    normalised: float
    standardised: float


def find_residuals(fit: Fit) -> tuple[Residual, ...]:
    """Residuals of every mean (where modelled) and covariance of every group; none where the fit has no numbers."""
    if not fit.status.has_numbers or "chisq" in fit.undefined:
        return ()
    if fit.ordinal is not None:
        return _ordinal_residuals(fit, fit.ordinal)
    found: list[Residual] = []
    names = fit.table.observed
    p = len(names)
    rows, columns = np.tril_indices(p)
    is_fixed = np.array([name in fit.rows.fixed for name in names])
    inform = expected_information if fit.information == "expected" else observed_information
    pulls: list[tuple[Array, Array]] = []
    total = np.zeros((len(fit.estimates), len(fit.estimates)))
    for group in fit.groups:
        implied, at = group.at(fit.estimates)
        W = inform(group.data, at, *saturated_derivatives(p, np.flatnonzero(is_fixed), with_means=group.ram.means))
        t_mu, t_Sigma = differentiate_moments(group.ram, implied)
        moves = ~(is_fixed[rows] & is_fixed[columns])
        delta = t_Sigma[rows[moves], columns[moves]]
        delta = np.concatenate([t_mu[~is_fixed], delta]) if group.ram.means else delta
        pulls.append((delta, W))
        total += delta.T @ W @ delta
    bread = invert_information(total, active_constraints(fit))[0]
    for number, (group, (mean, covariance), (delta, W)) in enumerate(
        zip(fit.groups, fit.saturated, pulls, strict=True), start=1
    ):
        implied, _ = group.at(fit.estimates)
        known = moment_covariance(fit, number - 1)
        Q = np.eye(len(W)) - delta @ bread @ delta.T @ W
        moves = ~(is_fixed[rows] & is_fixed[columns])
        raw = (covariance - implied.Sigma)[rows, columns]
        labels = [(names[i], names[j]) for i, j in zip(rows, columns, strict=True)]
        if group.ram.means:
            moves = np.concatenate([~is_fixed, moves])
            raw = np.concatenate([mean - implied.mu, raw])
            labels = [(name, "") for name in names] + labels
        spread, left = np.full(len(moves), math.nan), np.full(len(moves), math.nan)
        spread[moves], left[moves] = np.sqrt(np.diag(known)), np.diag(Q @ known @ Q.T)
        left = np.where(left > NO_INFORMATION * spread**2, left, math.nan)
        found += [
            Residual(lhs, rhs, number, float(raw[at]), float(raw[at] / spread[at]), float(raw[at] / np.sqrt(left[at])))
            for at, (lhs, rhs) in enumerate(labels)
        ]
    return tuple(found)


def moment_covariance(fit: Fit, group: int) -> Array:
    """Sampling covariance of the unrestricted moments of a group that are not taken as given: means, where modelled,
    then the lower triangle of covariances. Sandwich where the fit is robust, else from the information."""
    if fit.moment_covariances:
        return fit.moment_covariances[group]
    data, (mean, covariance) = fit.groups[group].data, fit.saturated[group]
    fixed = np.flatnonzero([name in fit.rows.fixed for name in fit.table.observed])
    directions = saturated_derivatives(len(mean), fixed, with_means=fit.groups[group].ram.means)
    return np.asarray(np.linalg.inv(observed_information(data, log_likelihood(data, mean, covariance), *directions)))


def _ordinal_residuals(fit: Fit, model: WlsModel) -> tuple[Residual, ...]:
    """Residuals of the covariances given the covariates, for ordered outcomes those of their latent responses."""
    found = []
    for number, group in enumerate(model.groups, start=1):
        implied, delta = differentiate_statistics(group.model, fit.estimates)
        first, second = pairs(len(group.model.y))
        chosen = slice(len(implied) - len(first), None)
        raw = (group.statistics - implied)[chosen]
        # how the estimates follow the statistics: weights of this group, in the inverse information of all
        follow = delta @ np.linalg.pinv(model.slope(fit.estimates, exact=False).curvature, hermitian=True) @ delta.T
        Q = np.eye(len(implied)) - follow * (group.weight * group.counted / model.counted)
        spread = np.sqrt(np.diag(group.gamma) / group.counted)
        left = np.diag(Q @ group.gamma @ Q.T) / group.counted
        spread_left = np.sqrt(np.where(left > NO_INFORMATION * spread**2, left, math.nan))
        names = [group.model.ram.names[at] for at in group.model.y]
        found += [
            Residual(
                names[i],
                names[j],
                number,
                float(raw[at]),
                float(raw[at] / spread[chosen][at]),
                float(raw[at] / spread_left[chosen][at]),
            )
            for at, (j, i) in enumerate(zip(first, second, strict=True))
        ]
    return tuple(found)


def explained_variance(fit: Fit) -> tuple[dict[str, float], ...]:
    """R2 of every variable that something points at, by group; NaN where the fit has no numbers."""
    solution = solve_rows(fit)
    names = (*fit.table.observed, *fit.table.latent)
    shares: list[dict[str, float]] = []
    for group in range(1, fit.table.n_groups + 1):
        rows = [(at, row) for at, row in enumerate(fit.table.rows) if row.group == group]
        reached = {row.rhs if row.op == "=~" else row.lhs for _, row in rows if row.op in ("=~", "~")}
        variances = dict(zip(names, solution.variances[group - 1], strict=True))
        shares.append(
            {
                row.lhs: 1.0 - float(solution.values[at]) / float(variances[row.lhs])
                for at, row in rows
                if row.op == "~~" and row.lhs == row.rhs and row.lhs in reached
            }
        )
    return tuple(shares)


@dataclass(frozen=True, slots=True)
class ModificationIndex:
    """What freeing one parameter would bring: fall of the statistic, and the value it would move by."""

    lhs: str
    op: str
    rhs: str
    group: int
    mi: float
    epc: float


def find_modification_indices(fit: Fit) -> tuple[ModificationIndex, ...]:
    """Score tests of single parameters the model leaves out, largest first; none where the fit has no numbers.

    Candidates are, as in lavaan: loadings of indicators on other latents, covariances of residuals and of latents, and
    regressions among the variables of regressions. Expected information (Sörbom 1989, Psychometrika 54, 371-384).
    """
    if not fit.status.has_numbers or "chisq" in fit.undefined:
        return ()
    candidates: list[tuple[int, int, str, str, str, float]] = []
    place = {name: at for at, name in enumerate((*fit.table.observed, *fit.table.latent))}
    k = len(fit.estimates)
    rams: list[Ram] = []
    given = {(row.group, row.lhs, row.op, row.rhs) for row in fit.table.rows if row.exo}
    for number, group in enumerate(fit.groups, start=1):
        ram = group.ram
        released = [
            (number, k + len(candidates) + position, row.lhs, row.op, row.rhs, float(group.ram.fixed[at]))
            for position, (at, row) in enumerate(_exogenous_rows(fit, number))
        ]
        candidates += released
        extra = [
            (number, k + len(candidates) + position, lhs, op, rhs, value)
            for position, (lhs, op, rhs, value) in enumerate(_candidates(fit, number))
        ]
        candidates += extra
        rams.append(_extend(ram, released + extra, place))
    n_all = k + len(candidates)
    if n_all == k:
        return ()
    theta = np.concatenate([fit.estimates, [candidate[5] for candidate in candidates]])
    groups = tuple(replace(group, ram=replace(ram, k=n_all)) for group, ram in zip(fit.groups, rams, strict=True))
    if fit.ordinal is None:
        model = NormalModel(groups)
        slope, n = model.slope(theta, exact=False), model.n
    else:
        responses = _free_residuals(fit.ordinal, rams, n_all)
        slope, n = responses.slope(theta, exact=False), responses.counted
    information, score = slope.curvature * n, -slope.gradient * n
    nuisance = [at for number, at, lhs, op, rhs, _ in candidates if (number, lhs, op, rhs) in given]
    old = np.array([*range(k), *nuisance])
    constraints = np.pad(active_constraints(fit), ((0, 0), (0, len(nuisance))))
    inverse = invert_information(information[np.ix_(old, old)], constraints)[0]
    cross = information[k:][:, old]
    own = np.diag(information)[k:]
    left = own - np.einsum("ck,kl,cl->c", cross, inverse, cross)
    net = score[k:] - cross @ inverse @ score[old]
    found = [
        ModificationIndex(lhs, op, rhs, number, float(net[at] ** 2 / left[at]), float(net[at] / left[at]))
        for at, (number, _, lhs, op, rhs, _) in enumerate(candidates)
        if left[at] > NO_INFORMATION * own[at] and own[at] > 0.0
    ]
    # Equivalent candidates share one value: their order must not hang on its last bits.
    return tuple(sorted(found, key=lambda index: -published(index.mi)))


def _free_residuals(model: WlsModel, rams: list[Ram], k: int) -> WlsModel:
    """The model of ordered outcomes with candidates among its cells."""
    return WlsModel(
        tuple(
            replace(group, model=replace(group.model, ram=replace(ram, k=k)))
            for group, ram in zip(model.groups, rams, strict=True)
        )
    )


def active_constraints(fit: Fit) -> Array:
    """(a, k) derivatives of the constraints that hold with equality at the estimates."""
    constraints = read_constraints(fit.table)
    if constraints is None:
        return np.zeros((0, len(fit.estimates)))
    above, by_above = constraints.above(fit.estimates)
    return np.concatenate([constraints.equal(fit.estimates)[1], by_above[np.abs(above) < AT_A_BOUND]])


def _exogenous_rows(fit: Fit, group: int) -> list[tuple[int, Row]]:
    """Rows of given moments with their places: an arrow into such a variable would make them parameters."""
    if fit.ordinal is not None:  # everything there is given the covariates
        return []
    rows = [row for row in fit.table.rows if row.group == group]
    return [(at, row) for at, row in enumerate(rows) if row.exo]


def _candidates(fit: Fit, group: int) -> Iterable[tuple[str, str, str, float]]:
    """Parameters of one group that are fixed or absent: lhs, op, rhs, value."""
    table = fit.table
    rows = [row for row in table.rows if row.group == group]
    present = {(row.lhs, row.op, row.rhs) for row in rows} | {
        (row.rhs, "~~", row.lhs) for row in rows if row.op == "~~"
    }
    ordered = {row.lhs for row in rows if row.op == "~*~"}
    for row in rows:
        if row.op == "~~" and row.lhs == row.rhs and row.lhs in ordered:
            continue  # follows from the parameters
        if not row.free and not row.exo and row.op in ("=~", "~", "~~", "~1"):
            yield row.lhs, row.op, row.rhs, row.fixed
    indicators = list(dict.fromkeys(row.rhs for row in rows if row.op == "=~"))
    inner = [name for name in table.observed if name not in table.exogenous]
    joined = list(dict.fromkeys(name for row in rows if row.op == "~" for name in (row.lhs, row.rhs)))
    loadings = [(latent, "=~", name) for latent in table.latent for name in indicators if name != latent]
    pairs = [*combinations(inner, 2), *combinations(table.latent, 2)]
    paths = [
        (outcome, "~", source)
        for outcome in joined
        for source in joined
        if outcome != source and not (outcome in table.exogenous and source in table.exogenous)
    ]
    for lhs, op, rhs in (*loadings, *((a, "~~", b) for a, b in pairs), *paths):
        is_loading_already = op == "~" and (rhs, "=~", lhs) in present
        if (lhs, op, rhs) not in present and not is_loading_already:
            yield lhs, op, rhs, 0.0


def _extend(ram: Ram, extra: list[tuple[int, int, str, str, str, float]], place: dict[str, int]) -> Ram:
    """The layout with candidates as further free cells; a candidate that was a fixed cell takes that cell's place."""
    part, row, column = ram.part.copy(), ram.row.copy(), ram.column.copy()
    free, fixed = ram.free.copy(), ram.fixed.copy()
    more: list[tuple[int, int, int, int]] = []
    for _, position, lhs, op, rhs, _ in extra:
        i, j = place[lhs], place.get(rhs, 0)
        if op == "=~":
            i, j = j, i
        kind = int(PARTS[op])
        same = (part == kind) & (row == i) & (column == j)
        if kind == Part.S:
            same |= (part == kind) & (row == j) & (column == i)
        at = np.flatnonzero(same & (free < 0))
        if len(at):
            free[at[0]], fixed[at[0]] = position, 0.0
        else:
            more.append((kind, i, j, position))
    added = np.array(more, dtype=np.intp).reshape(-1, 4)
    return replace(
        ram,
        part=np.concatenate([part, added[:, 0]]),
        row=np.concatenate([row, added[:, 1]]),
        column=np.concatenate([column, added[:, 2]]),
        free=np.concatenate([free, added[:, 3]]),
        fixed=np.concatenate([fixed, np.zeros(len(added))]),
    )


def implied_of(fit: Fit) -> tuple[tuple[Array, Array], ...]:
    """Means and covariances of the observed variables that the fit implies, by group."""
    pairs = []
    for group in fit.groups:
        implied = imply_moments(group.ram, fit.estimates)
        pairs.append((implied.mu if group.ram.means else group.data.mean[0], implied.Sigma))
    return tuple(pairs)
