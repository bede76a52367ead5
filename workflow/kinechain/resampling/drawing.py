"""From a spec and data to draws: the fastest way that is right for the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from kinechain.effect_plan import EffectPlan, plan_effects
from kinechain.errors import Problem, UserError
from kinechain.numerics import Array
from kinechain.numerics.batched_moments import Rows, tiles
from kinechain.numerics.intervals import acceleration
from kinechain.numerics.moments import Moments
from kinechain.numerics.streams import CHUNK, Scheme, chunk_sizes
from kinechain.progress import Progress
from kinechain.resampling.drawer import Drawer, MomentDrawer, PublishedDrawer, published_sample
from kinechain.resampling.draws import Draws, effects_of
from kinechain.resampling.fiml import make_fiml_drawer
from kinechain.resampling.imputation import make_imputation_drawer
from kinechain.resampling.monte_carlo import make_monte_carlo_drawer
from kinechain.resampling.newton import make_newton_drawer, newton_moment_fit
from kinechain.resampling.recursive import parameters_of_moments, recursive_model
from kinechain.resampling.refit import RefitDrawer, make_refit_drawer, needs_refit, refit_moments
from kinechain.resampling.sampling import make_design, make_features
from kinechain.spec import ModelSpec

if TYPE_CHECKING:
    import pandas as pd


@runtime_checkable
class OnDisk(Protocol):
    """Columns of which several can be had as rows that are read slice by slice."""

    def rows_of(self, names: Sequence[str]) -> Rows:
        """Some columns (n, p)."""
        ...


def draw_effects(
    spec: ModelSpec,
    data: Mapping[str, Any] | pd.DataFrame | Moments,
    *,
    seed: int,
    draws: int = 10_000,
    cohort: str = "",
    scheme: Scheme = Scheme.MULTINOMIAL,
    strata: NDArray[np.generic] | None = None,
    cluster: NDArray[np.generic] | None = None,
    accelerate: bool = False,
    chunks: Sequence[int] | None = None,
    cores: int = 1,
    helpers: Sequence[str] = (),
) -> Draws:
    """Every effect of the model in every draw.

    data        columns by name (a data frame will do; `PeopleOnDisk` for more people than memory holds), gaps as NaN:
                every row of the cohort, so that all its models share their draws; or moments, which can only be drawn
                from, never resampled
    strata      (n,) for a stratified, `cluster` (n,) for a cluster bootstrap
    helpers     columns that only help to impute, for the scheme IMPUTATION
    accelerate  also leave each person out in turn, for bca
    chunks      some chunks only, to be joined with `join_draws`; None for all
    cores       processes among which chunks are shared out; the draws are the same bits for any number

    A row with a gap in a variable of the model takes no part (listwise) in whichever draws it is drawn.
    Raises UserError for a scheme that is not valid for the data.
    """
    drawer = make_drawer(spec, data, scheme=scheme, strata=strata, cluster=cluster, helpers=helpers, draws=draws)
    wanted = range(len(chunk_sizes(draws))) if chunks is None else chunks
    plan = plan_effects(drawer.table, spec.covariates, spec.contrasts)
    share = partial(_draw_share, drawer, plan, seed, cohort, draws)
    values, standardised, failed = _share_out(share, wanted, cores)
    estimate, standardised_estimate = (side[:, 0] for side in effects_of(plan, drawer.sample()))
    if isinstance(drawer, RefitDrawer):
        undefined = drawer.undefined(plan)
        values[undefined], estimate[undefined] = np.nan, np.nan
    curvature = [np.full(len(plan.effects), np.nan)] * 2
    if accelerate:
        left_out, stratum = drawer.leave_out()
        curvature = [acceleration(side, stratum) for side in effects_of(plan, left_out)]
    return Draws(
        model=spec.name,
        cohort=cohort,
        plan=plan,
        values=values,
        standardised=standardised,
        estimate=estimate,
        standardised_estimate=standardised_estimate,
        acceleration=curvature[0],
        standardised_acceleration=curvature[1],
        seed=seed,
        scheme=drawer.scheme,
        attempted=int(failed.size),
        failed=int(failed.sum()),
        n=drawer.n,
        method=drawer.method,
    )


def make_drawer(
    spec: ModelSpec,
    data: Mapping[str, Any] | pd.DataFrame | Moments,
    *,
    scheme: Scheme = Scheme.MULTINOMIAL,
    strata: NDArray[np.generic] | None = None,
    cluster: NDArray[np.generic] | None = None,
    helpers: Sequence[str] = (),
    draws: int = CHUNK,
) -> Drawer:
    """The way to draw this model from these data.

    scheme   how: people with replacement, in strata or clusters, imputed, or from the estimates or published moments
    strata   (N,)  within which people are drawn
    cluster  (N,)  drawn as a whole; "" is refused, for such a person belongs nowhere
    helpers  further columns that help to impute
    draws    how many are wanted; it matters where each is dear: no more are made than asked

    Raises UserError for a scheme the model or the data do not allow.
    """
    if cluster is not None and np.any(cluster == ""):
        what = "some people have no cluster, so that clusters cannot be drawn"
        raise UserError(Problem(spec.where, what, "Fill the column in, or leave those people out"))
    names = spec.table.observed
    is_refitted = needs_refit(spec)
    model = recursive_model(spec.table) if not (spec.options.group or is_refitted) else None
    if isinstance(data, Moments):
        own = data.select(names)
        if is_refitted:
            refit, table = refit_moments(spec, own)
            return PublishedDrawer(table, own, refit)
        if model is not None:
            return PublishedDrawer(spec.table, own, partial(parameters_of_moments, model))
        fit, table = newton_moment_fit(spec, data, *published_sample(own))
        return PublishedDrawer(table, own, fit)
    if scheme is Scheme.MONTE_CARLO:
        if spec.estimator not in ("ml", "mlr"):
            what = f"Monte Carlo draws are offered for ml and mlr, not for {spec.estimator}"
            raise UserError(Problem(spec.where, what, "Use percentile: people are drawn and the model fitted anew"))
        return make_monte_carlo_drawer(spec, data)
    rows = data.rows_of(names) if isinstance(data, OnDisk) else columns(data, names)
    has_gaps = spec.missing == "fiml" and not all(np.isfinite(rows[tile]).all() for tile in tiles(rows.shape[0]))
    if model is not None and not has_gaps and scheme is not Scheme.IMPUTATION:
        design = make_design(scheme, rows.shape[0], strata=strata, cluster=cluster, where=spec.where)
        return MomentDrawer(spec.table, make_features(rows), design, partial(parameters_of_moments, model))
    X = np.asarray(rows)
    groups = labels_of(data, spec.options.group) if spec.options.group else None
    if groups is not None and scheme is Scheme.MULTINOMIAL:
        scheme, strata = Scheme.STRATIFIED, groups
    if scheme is Scheme.IMPUTATION:
        if model is None:
            raise UserError(Problem(spec.where, "imputation is offered for recursive models", "Use `missing: fiml`"))
        people = make_design(Scheme.MULTINOMIAL, X.shape[0], where=spec.where)
        return make_imputation_drawer(model, people, X, columns(data, helpers) if helpers else None, draws)
    design = make_design(scheme, X.shape[0], strata=strata, cluster=cluster, where=spec.where)
    if scheme is Scheme.MOMENT_NORMAL:
        what = "`moment_normal` draws need complete data and a recursive model"
        raise UserError(Problem(spec.where, what, "Use `multinomial`"))
    if is_refitted:
        return make_refit_drawer(spec, data, X, design, groups, draws)
    if model is None:
        return make_newton_drawer(spec, data, X, design, groups)
    return make_fiml_drawer(model, design, X, spec.where)


def columns(data: Mapping[str, Any] | pd.DataFrame, names: Sequence[str]) -> Array:
    """Columns as one array (n, p); a product `a:b` is made from its factors when the data lack it."""

    def column(name: str) -> Array:
        if name in data or ":" not in name:
            return np.asarray(data[name], np.float64)
        return np.asarray(np.prod([column(part) for part in name.split(":")], axis=0))

    return np.column_stack([column(name) for name in names])


def labels_of(data: Mapping[str, Any] | pd.DataFrame, name: str) -> NDArray[np.generic]:
    """A column of labels as text, as groups are labelled: whole numbers without a point, "" where missing."""
    values = data[name]
    texts = []
    for value in values.tolist() if hasattr(values, "tolist") else list(values):
        is_missing = value is None or value != value  # noqa: PLR0124 -- only not-a-number differs from itself
        is_whole = isinstance(value, float) and value.is_integer()
        texts.append("" if is_missing else str(int(value)) if is_whole else str(value))
    return np.array(texts)


Share = tuple[Array, Array, NDArray[np.bool_]]


def _draw_share(drawer: Drawer, plan: EffectPlan, seed: int, cohort: str, draws: int, chunks: Sequence[int]) -> Share:
    """Raw and standardised effects (e, D) of some chunks, and which draws failed (D,).

    Effects are computed as the parameters come, so that no more of those than a few chunks are ever held. The last
    chunk is cut to the draws that were asked for.
    """
    sizes = [chunk_sizes(draws)[chunk] for chunk in chunks]
    values = np.empty((len(plan.effects), sum(sizes)))
    standardised, failed = np.empty_like(values), np.empty(sum(sizes), bool)
    start = done = 0
    progress = Progress(sum(sizes), "draws")
    for drawn in drawer.draw(seed, cohort, chunks):
        count = drawn.failed.size // CHUNK
        kept = np.concatenate([np.arange(CHUNK) < size for size in sizes[done : done + count]])
        done += count
        here = slice(start, start + int(kept.sum()))
        start = here.stop
        for into, found in zip((values, standardised), effects_of(plan, drawn), strict=True):
            into[:, here] = found if kept.all() else found[:, kept]
        failed[here] = drawn.failed[kept]
        progress.add(here.stop - here.start)
    return values, standardised, failed


def _share_out(share: Callable[[Sequence[int]], Share], chunks: Sequence[int], cores: int) -> Share:
    """Chunks in order, shared out among processes with one BLAS thread each."""
    shares = [part.tolist() for part in np.array_split(np.asarray(chunks), max(1, cores)) if part.size]
    if len(shares) <= 1:
        return share(chunks)
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(len(shares), context, initializer=_work_on, initargs=(share,)) as pool:
        parts = list(pool.map(_worked, shares))
    values, standardised, failed = zip(*parts, strict=True)
    return np.concatenate(values, axis=1), np.concatenate(standardised, axis=1), np.concatenate(failed)


_WORK: list[Callable[[Sequence[int]], Share]] = []
"""What a worker process does: handed over when it starts, since a forked process then shares the data uncopied."""


def _work_on(share: Callable[[Sequence[int]], Share]) -> None:
    _WORK[:] = [share]


def _worked(chunks: Sequence[int]) -> Share:
    return _WORK[0](chunks)


def join_draws(parts: Sequence[Draws]) -> Draws:
    """Draws of several chunk jobs as one, in the order given (chunk order).

    Raises ValueError when they are not of one model, cohort, seed and scheme.
    """
    first = parts[0]
    for part in parts[1:]:
        for key in ("model", "cohort", "seed", "scheme", "names"):
            if getattr(part, key) != getattr(first, key):
                raise ValueError(f"these draws differ in their {key}")
    return replace(
        first,
        values=np.concatenate([part.values for part in parts], axis=1),
        standardised=np.concatenate([part.standardised for part in parts], axis=1),
        attempted=sum(part.attempted for part in parts),
        failed=sum(part.failed for part in parts),
    )
