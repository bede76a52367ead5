"""Natural direct and indirect effects on a declared contrast, with exposure-mediator interaction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinechain.numerics import Array


@dataclass(frozen=True, slots=True)
class NaturalEffects:
    """Effects of moving the exposure from `reference` to `contrast`, in the outcome's unit; arrays hold draws.

    direct_pure      outcome at the new exposure with the mediator as it was, minus as it was
    indirect_total   outcome at the new exposure with the mediator as it becomes, minus with the mediator as it was
    direct_total     new against old exposure, the mediator as it becomes
    indirect_pure    mediator as it becomes against as it was, at the old exposure
    total            direct_pure + indirect_total = direct_total + indirect_pure
    start            expected outcome at `reference`, the mediator as it was; a probability for a binary outcome
    """

    direct_pure: Array
    indirect_total: Array
    direct_total: Array
    indirect_pure: Array
    total: Array
    start: Array


def natural_effects_linear(
    mediator: Array, outcome: Array, covariates: Array, *, reference: float, contrast: float
) -> NaturalEffects:
    """Closed form for linear mediator and outcome with an exposure-mediator interaction.

    mediator   (r, 2 + c)  intercept, exposure, covariates: coefficients of the mediator's equation, one row a draw
    outcome    (r, 4 + c)  intercept, exposure, mediator, exposure x mediator, covariates
    covariates (c,)        values at which the mediator is predicted, their means
    reference, contrast    exposure before and after, in its own unit; never 0 and 1 by habit

    VanderWeele & Vansteelandt (2009), doi 10.4310/SII.2009.v2.n4.a7, section 3.
    """
    theta1, theta2, theta3 = outcome[:, 1], outcome[:, 2], outcome[:, 3]
    beta1 = mediator[:, 1]
    step = contrast - reference

    def expected(exposure: float) -> Array:
        level: Array = mediator[:, 0] + beta1 * exposure + mediator[:, 2:] @ covariates
        return level

    direct_pure = (theta1 + theta3 * expected(reference)) * step
    direct_total = (theta1 + theta3 * expected(contrast)) * step
    indirect_total = (theta2 + theta3 * contrast) * beta1 * step
    indirect_pure = (theta2 + theta3 * reference) * beta1 * step
    start = outcome[:, 0] + theta1 * reference + (theta2 + theta3 * reference) * expected(reference)
    start = start + outcome[:, 4:] @ covariates
    return NaturalEffects(direct_pure, indirect_total, direct_total, indirect_pure, direct_pure + indirect_total, start)


def natural_effects_binary(
    mediator: Array,
    mediator_sd: Array,
    outcome: Array,
    covariates: Array,
    *,
    reference: float,
    contrast: float,
    link: str,
    nodes: int = 20,
) -> NaturalEffects:
    """Natural effects on the probability of a binary outcome, by integrating over a normal mediator.

    mediator     (r, 2 + c)  as above
    mediator_sd  (r,)        residual standard deviation of the mediator
    outcome      (r, 4 + c)  on the link's scale
    covariates   (m, c)      people over whom the effects are averaged; their rows are used, never shown
    link         logit or probit
    nodes        Gauss-Hermite nodes of the integral over the mediator

    Differences of probabilities, so that direct and indirect effects are on one scale and add up: Imai, Keele &
    Tingley (2010), doi 10.1037/a0020761, appendix D; potential outcomes, no product of coefficients.
    """
    from scipy.special import expit, ndtr

    inverse = {"logit": expit, "probit": ndtr}[link]
    z, weights = np.polynomial.hermite_e.hermegauss(nodes)
    weights = weights / weights.sum()

    def probability(exposure: float, mediator_exposure: float) -> Array:
        mean = mediator[:, :1] + mediator[:, 1:2] * mediator_exposure + mediator[:, 2:] @ covariates.T
        fixed = outcome[:, :1] + outcome[:, 1:2] * exposure + outcome[:, 4:] @ covariates.T
        slope = outcome[:, 2] + outcome[:, 3] * exposure
        average = np.zeros(len(outcome))
        for node, weight in zip(z, weights, strict=True):
            level = mean + (mediator_sd * node)[:, None]
            average += weight * inverse(fixed + slope[:, None] * level).mean(axis=1)
        return average

    both_old, both_new = probability(reference, reference), probability(contrast, contrast)
    new_old, old_new = probability(contrast, reference), probability(reference, contrast)
    return NaturalEffects(
        direct_pure=new_old - both_old,
        indirect_total=both_new - new_old,
        direct_total=both_new - old_new,
        indirect_pure=old_new - both_old,
        total=both_new - both_old,
        start=both_old,
    )


def natural_effects_ordered(
    mediator: Array,
    mediator_sd: Array,
    outcome: Array,
    thresholds: Array,
    covariates: Array,
    *,
    reference: float,
    contrast: float,
    link: str,
    nodes: int = 20,
) -> list[NaturalEffects]:
    """Natural effects on the probability of each category above the lowest, for an ordered outcome.

    outcome     (r, 4 + c)  as for a binary outcome, its intercept column zero
    thresholds  (r, q)      increasing; category j is reached where the latent outcome exceeds threshold j
    returns     q results: the change of the probability of reaching category 1 .. q, each as for a binary outcome
    """
    results = []
    for place in range(thresholds.shape[1]):
        shifted = outcome.copy()
        shifted[:, 0] -= thresholds[:, place]
        results.append(
            natural_effects_binary(
                mediator,
                mediator_sd,
                shifted,
                covariates,
                reference=reference,
                contrast=contrast,
                link=link,
                nodes=nodes,
            )
        )
    return results
