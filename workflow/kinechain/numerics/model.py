"""A model for several groups of people: likelihood, gradient and information of its free parameters."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from kinechain.numerics import Array
from kinechain.numerics.likelihood import (
    Likelihood,
    Patterns,
    expected_information,
    log_likelihood,
    observed_information,
    saturated_value,
)
from kinechain.numerics.optimise import Slope
from kinechain.numerics.ram import Implied, Ram, curve_moments, differentiate_moments, imply_moments


@dataclass(frozen=True, slots=True)
class GroupModel:
    """One group: where its parameters stand, and what was observed.

    last  the point looked at last, and what was found there
    """

    ram: Ram
    data: Patterns
    last: dict[bytes, tuple[Implied, Likelihood]] = field(init=False, default_factory=dict, compare=False, repr=False)

    def at(self, theta: Array) -> tuple[Implied, Likelihood]:
        """Implied moments and likelihood. Means outside the model are those of the sample (complete data only).

        Raises numpy.linalg.LinAlgError where the implied covariances are not positive definite.
        """
        key = theta.tobytes()
        found = self.last.get(key)
        if found is None:
            implied = imply_moments(self.ram, theta)
            mu = implied.mu if self.ram.means else self.data.mean[0]
            found = implied, log_likelihood(self.data, mu, implied.Sigma)
            self.last.clear()
            self.last[key] = found
        return found


@dataclass(frozen=True, slots=True)
class NormalModel:
    """The groups of one model; as an `Objective` it is minus the mean log-likelihood of a person.

    last  the derivatives taken last
    """

    groups: tuple[GroupModel, ...]
    last: dict[tuple[bytes, bool], Slope] = field(init=False, default_factory=dict, compare=False, repr=False)

    @property
    def n(self) -> int:
        """People in all groups."""
        return sum(group.data.n_people for group in self.groups)

    def log_likelihood(self, theta: Array) -> float:
        """Log-likelihood of all people."""
        return sum(group.at(theta)[1].value for group in self.groups)

    def value(self, theta: Array) -> float:
        """Minus the mean log-likelihood of a person."""
        return -self.log_likelihood(theta) / self.n

    def slope(self, theta: Array, *, exact: bool) -> Slope:
        """Minus the mean log-likelihood with its derivatives; the curvature is expected unless `exact`."""
        key = theta.tobytes(), exact
        if key not in self.last:
            slope = self._differentiate(theta, exact=exact)
            self.last.clear()
            self.last[key] = slope
        return self.last[key]

    def _differentiate(self, theta: Array, *, exact: bool) -> Slope:
        value, gradient, information = 0.0, np.zeros_like(theta), np.zeros((len(theta), len(theta)))
        for group in self.groups:
            implied, at = group.at(theta)
            d_mu, d_Sigma = differentiate_moments(group.ram, implied)
            value += at.value
            gradient += at.d_mu @ d_mu + np.tensordot(at.d_Sigma, d_Sigma, 2)
            if exact:
                information += observed_information(group.data, at, d_mu, d_Sigma)
                information -= curve_moments(group.ram, implied, at.d_Sigma, at.d_mu)
            else:
                information += expected_information(group.data, at, d_mu, d_Sigma)
        return Slope(-value / self.n, -gradient / self.n, information / self.n)

    def information(self, theta: Array, kind: str) -> Array:
        """Information of all people about the free parameters, `expected` or `observed`: (k, k)."""
        return self.slope(theta, exact=kind == "observed").curvature * self.n


def saturated_moments(data: Patterns, steps: int = 2000) -> tuple[Array, Array, float, bool]:
    """Maximum-likelihood means and covariances without a model, their log-likelihood, and whether the search ended.

    Complete data: the sample moments. Otherwise the EM algorithm (Little & Rubin 2019, Statistical Analysis with
    Missing Data, 3rd ed., section 11.2), finished by Newton steps on the likelihood itself.
    """
    p = data.observed.shape[1]
    if data.is_complete:
        mu, Sigma = data.mean[0], data.covariance[0]
        return mu, Sigma, saturated_value(data), True
    n_each = data.n @ data.observed
    mu = data.n @ data.mean / n_each
    deviation = np.where(data.observed, data.mean - mu, 0.0)
    spread = data.n @ (np.diagonal(data.covariance, axis1=1, axis2=2) + deviation**2) / n_each
    Sigma = np.diag(np.where(spread > 0.0, spread, 1.0))
    n = float(data.n.sum())
    at = log_likelihood(data, mu, Sigma)
    for _ in range(min(steps, 30)):
        mu, Sigma = mu + Sigma @ at.d_mu / n, Sigma + 2.0 * Sigma @ at.d_Sigma @ Sigma / n + _mean_part(data, at, Sigma)
        before, at = at.value, log_likelihood(data, mu, Sigma)
        if at.value - before < 1e-3:
            break
    rows, columns = np.tril_indices(p)
    d_mu = np.concatenate([np.eye(p), np.zeros((p, len(rows)))], axis=1)
    d_Sigma = np.zeros((p, p, p + len(rows)))
    d_Sigma[rows, columns, p + np.arange(len(rows))] = 1.0
    d_Sigma[columns, rows, p + np.arange(len(rows))] = 1.0
    for _ in range(steps):
        gradient = at.d_mu @ d_mu + np.tensordot(at.d_Sigma, d_Sigma, 2)
        moved = False
        try:
            information = observed_information(data, at, d_mu, d_Sigma)
            scale = 1.0 / np.sqrt(np.maximum(np.diag(information), 1e-300))
            L = np.linalg.cholesky(information * scale * scale[:, None])
            step = scale * np.linalg.solve(L.T, np.linalg.solve(L, scale * gradient))
            decrement = float(gradient @ step)
            for _halving in range(6):
                mu_new = mu + step[:p]
                Sigma_new = Sigma + np.tensordot(d_Sigma, step, 1)
                try:
                    there = log_likelihood(data, mu_new, Sigma_new)
                except np.linalg.LinAlgError:
                    step = step / 2.0
                    continue
                if there.value >= at.value - 1e-11 * abs(at.value):
                    mu, Sigma, at, moved = mu_new, Sigma_new, there, True
                    break
                step = step / 2.0
            if decrement < 1e-12:
                return mu, Sigma, at.value, True
        except (np.linalg.LinAlgError, FloatingPointError):
            pass
        if not moved:
            mu, Sigma = (
                mu + Sigma @ at.d_mu / n,
                Sigma + 2.0 * Sigma @ at.d_Sigma @ Sigma / n + _mean_part(data, at, Sigma),
            )
            before, at = at.value, log_likelihood(data, mu, Sigma)
            if at.value - before < 1e-12 * abs(before):
                return mu, Sigma, at.value, True
    return mu, Sigma, at.value, False


def _mean_part(data: Patterns, at: Likelihood, Sigma: Array) -> Array:
    """What moving the means takes from the covariances in one EM step."""
    move = Sigma @ at.d_mu / float(data.n.sum())
    return -np.outer(move, move)
