"""Samples: weights for each chunk of draws, under the design the cohort was drawn with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from kinechain.errors import Problem, UserError
from kinechain.numerics import Array
from kinechain.numerics.batched_moments import (
    Rows,
    Scale,
    features,
    n_features,
    survey,
    tiles,
    weighted_sums,
)
from kinechain.numerics.normal_law import symmetric_root
from kinechain.numerics.streams import CHUNK, Scheme, stream
from kinechain.numerics.weights import (
    cluster_weights,
    multinomial_groups,
    multinomial_weights,
    poisson_weights,
    stratified_weights,
    tile_totals,
    two_point_weights,
)

FEWEST_IN_STRATUM = 5
"""People (or clusters) a stratum needs: with fewer, draws repeat a handful of samples."""

FEWEST_FOR_NORMAL = 10_000
"""People from which moments may be drawn from their normal limit; at 300 people limits are off by a tenth of
a standard error."""

FEWEST_FOR_APPROXIMATE = 1_000
"""People from which Poisson and two-point weights stand in for the bootstrap: their sums differ by order 1/n."""

TILED_FROM = 20_000
"""People from which rows are taken tile by tile, so that memory does not grow with them."""


@dataclass(frozen=True, slots=True)
class Design:
    """How people are resampled.

    scheme   see Scheme
    n        rows of the cohort, complete or not: models of one cohort share their weights
    strata   rows of each stratum, for STRATIFIED
    cluster  (n,) number of each row's cluster, for CLUSTER
    """

    scheme: Scheme
    n: int
    strata: tuple[NDArray[np.intp], ...] = ()
    cluster: NDArray[np.intp] | None = None

    @property
    def in_words(self) -> str:
        """What the scheme is, honestly labelled."""
        return {
            Scheme.MULTINOMIAL: "bootstrap of people",
            Scheme.STRATIFIED: f"bootstrap of people within {len(self.strata)} strata",
            Scheme.CLUSTER: f"bootstrap of {0 if self.cluster is None else int(self.cluster.max()) + 1} clusters",
            Scheme.POISSON: "Poisson weights (approximates the bootstrap)",
            Scheme.TWO_POINT: "two-point weights (approximates the bootstrap)",
            Scheme.MOMENT_NORMAL: "moments drawn from their normal limit (approximates the bootstrap)",
            Scheme.PARAMETRIC: "moments drawn under normality (nobody resampled)",
            Scheme.MONTE_CARLO: "parameters drawn under normality (nobody resampled)",
            Scheme.BOLLEN_STINE: "bootstrap of people under the model",
            Scheme.IMPUTATION: "imputation",
        }[self.scheme]

    @property
    def blocks(self) -> tuple[slice, ...]:
        """Rows that are given weights together: everyone up to TILED_FROM people, else tile by tile."""
        if self.n < TILED_FROM or self.scheme in (Scheme.STRATIFIED, Scheme.CLUSTER):
            return (slice(0, self.n),)
        return tuple(tiles(self.n))

    def stratum_of(self, kept: NDArray[np.bool_]) -> NDArray[np.intp] | None:
        """Number of the stratum of each row kept; None when there is one."""
        if not self.strata:
            return None
        number = np.empty(self.n, np.intp)
        for k, rows in enumerate(self.strata):
            number[rows] = k
        return number[kept]


def make_design(
    scheme: Scheme,
    n: int,
    *,
    strata: NDArray[np.generic] | None = None,
    cluster: NDArray[np.generic] | None = None,
    where: str = "resampling",
) -> Design:
    """A design whose scheme is valid for the cohort.

    strata   (n,) stratum of each row, for STRATIFIED
    cluster  (n,) cluster of each row, for CLUSTER

    Raises UserError: a stratum too small to resample (by name), a scheme the cohort is too small for.
    """
    problems = []
    groups: tuple[NDArray[np.intp], ...] = ()
    number: NDArray[np.intp] | None = None
    if scheme is Scheme.STRATIFIED:
        if strata is None:
            raise UserError(Problem(where, "a stratified bootstrap needs strata", "Name the column of the strata"))
        names = sorted(set(strata.tolist()), key=str)
        groups = tuple(np.flatnonzero(strata == name) for name in names)
        problems += [
            Problem(
                where,
                f"stratum `{name}` has fewer than {FEWEST_IN_STRATUM} people: too few to resample",
                "Join it with another stratum, or leave it out",
            )
            for name, rows in zip(names, groups, strict=True)
            if rows.size < FEWEST_IN_STRATUM
        ]
    if scheme is Scheme.CLUSTER:
        if cluster is None:
            raise UserError(Problem(where, "a cluster bootstrap needs clusters", "Name the column of the clusters"))
        number = np.unique(cluster, return_inverse=True)[1].astype(np.intp)
        if int(number.max()) + 1 < FEWEST_IN_STRATUM:
            problems.append(
                Problem(
                    where,
                    f"there are fewer than {FEWEST_IN_STRATUM} clusters: too few to resample",
                    "Adjust for the cluster as a fixed effect instead",
                )
            )
    fewest = {
        Scheme.MOMENT_NORMAL: FEWEST_FOR_NORMAL,
        Scheme.POISSON: FEWEST_FOR_APPROXIMATE,
        Scheme.TWO_POINT: FEWEST_FOR_APPROXIMATE,
    }.get(scheme, 2)
    if n < fewest:
        problems.append(
            Problem(
                where,
                f"`{scheme.name.lower()}` draws are not valid for {n} people: they need {fewest:,}",
                "Use `multinomial`, the bootstrap itself",
            )
        )
    if problems:
        raise UserError(*problems)
    return Design(scheme, n, groups, number)


Block = tuple[slice, Array]
Groups = Iterator[tuple[slice, Array]]


def weight_groups(
    design: Design, seed: int, cohort: str, chunk: int, dtype: DTypeLike = np.float64
) -> Iterator[Groups]:
    """Weights of one chunk of draws: for one block of rows after another, some draws at a time.

    yields  for each of `design.blocks` its groups (which draws, (draws, rows)), to be used up before the next block

    Up to TILED_FROM people are one block. More are taken tile by tile, so that memory does not grow with them: a draw
    shares its people out to the tiles first, and each tile is then filled alone.
    """
    rng = stream(seed, cohort, design.scheme, chunk)
    whole = slice(0, CHUNK)
    if design.scheme is Scheme.STRATIFIED:
        yield iter([(whole, stratified_weights(rng, design.strata, design.n, CHUNK, dtype))])
        return
    if design.scheme is Scheme.CLUSTER and design.cluster is not None:
        yield iter([(whole, cluster_weights(rng, design.cluster, CHUNK, dtype))])
        return
    sizes = np.array([block.stop - block.start for block in design.blocks], np.int64)
    is_shared = sizes.size > 1 and design.scheme is Scheme.MULTINOMIAL
    totals = tile_totals(rng, sizes, CHUNK) if is_shared else None
    for at, size in enumerate(sizes.tolist()):
        if design.scheme is Scheme.POISSON:
            yield iter([(whole, poisson_weights(rng, size, CHUNK, dtype))])
        elif design.scheme is Scheme.TWO_POINT:
            yield iter([(whole, two_point_weights(rng, size, CHUNK, dtype))])
        else:
            of_block = None if totals is None else totals[:, at]
            yield multinomial_groups(rng, size, CHUNK, totals=of_block, dtype=dtype)


def weight_blocks(design: Design, seed: int, cohort: str, chunk: int, dtype: DTypeLike = np.float64) -> Iterator[Block]:
    """Weights of one chunk of draws, for one block of rows after another: (rows, (CHUNK, rows))."""
    for rows, groups in zip(design.blocks, weight_groups(design, seed, cohort, chunk, dtype), strict=True):
        yield rows, np.concatenate([weights for _, weights in groups])


def chunk_weights(design: Design, seed: int, cohort: str, chunk: int) -> Array:
    """Weights (CHUNK, n) of one chunk of draws, for everyone at once."""
    return np.concatenate([weights for _, weights in weight_blocks(design, seed, cohort, chunk)], axis=1)


@dataclass(frozen=True, slots=True)
class Features:
    """What is summed over people: rows on demand, so that no more than a tile need be in memory.

    X         (N, p)  variables of the model; a row with a gap counts for nothing
    scale     centre and spread of the complete rows
    dtype     precision of the product
    complete  (N,)    rows without a gap
    """

    X: Rows
    scale: Scale
    dtype: type[np.float32] | type[np.float64]
    complete: NDArray[np.bool_]

    def rows(self, which: slice) -> Array:
        """Features (m, q) of some rows; zero for rows with a gap."""
        X, complete = self.X[which], self.complete[which]
        if complete.all():
            return features(X, self.scale, self.dtype)
        F = features(np.where(complete[:, None], X, self.scale.centre), self.scale, self.dtype)
        F[~complete] = 0
        return F

    @property
    def n(self) -> int:
        """Complete rows."""
        return int(self.complete.sum())


def make_features(X: Rows) -> Features:
    """Features of the complete rows of data.

    X  (N, p)  gaps as NaN; a row with one is left out

    Raises UserError when fewer than two rows are complete.
    """
    found = survey(X)
    if found.complete.sum() < 2:
        raise UserError(
            Problem("resampling", "fewer than two people have every variable of the model", "Use `missing: fiml`")
        )
    return Features(X, found.scale, found.dtype, found.complete)


def unit_features(source: Features, design: Design) -> Array | None:
    """Features of what is resampled, where they are few enough to hold: of people, or summed within clusters.

    returns  (n, q) or (G, q); None for more people than TILED_FROM
    """
    if design.cluster is not None:
        total = np.zeros((int(design.cluster.max()) + 1, n_features(source.X.shape[1])))
        for rows in tiles(source.X.shape[0]):
            np.add.at(total, design.cluster[rows], np.asarray(source.rows(rows), np.float64))
        return total
    return source.rows(slice(0, design.n)) if design.n < TILED_FROM or design.strata else None


def chunk_sums(
    source: Features, design: Design, held: Array | None, seed: int, cohort: str, chunks: Sequence[int]
) -> Array:
    """Weighted sums of features (q, D) for every draw of some chunks, one chunk after another.

    held  what `unit_features` gave; None to make features block by block, once for all these chunks
    """
    total = np.zeros((n_features(source.X.shape[1]), len(chunks) * CHUNK))
    starts = range(0, total.shape[1], CHUNK)
    if design.cluster is not None and held is not None:
        for start, chunk in zip(starts, chunks, strict=True):
            weights = multinomial_weights(stream(seed, cohort, design.scheme, chunk), held.shape[0], CHUNK)
            total[:, start : start + CHUNK] = weighted_sums(held, weights)
        return total
    streams = [weight_groups(design, seed, cohort, chunk, source.dtype) for chunk in chunks]
    for rows in design.blocks:
        F = source.rows(rows) if held is None else held[rows]
        for start, groups in zip(starts, streams, strict=True):
            for draws, weights in next(groups):
                total[:, start + draws.start : start + draws.stop] += weighted_sums(F, weights)
    return total


def normal_law(source: Features) -> tuple[Array, Array]:
    """Normal limit of the sums of features: their means (q - 1,) and a root of the covariance of their sums."""
    n = source.n
    first: Array | float = 0.0
    second: Array | float = 0.0
    for rows in tiles(source.X.shape[0]):
        F = np.asarray(source.rows(rows), np.float64)[:, 1:]
        first, second = first + F.sum(axis=0), second + F.T @ F
    mean = np.asarray(first) / n
    return mean, symmetric_root(np.asarray(second) / n - np.outer(mean, mean)) * np.sqrt(n)


def normal_sums(law: tuple[Array, Array], n: int, seed: int, cohort: str, chunk: int) -> Array:
    """Sums of features drawn from their normal limit (q, CHUNK); every draw has the sample's number of people."""
    mean, root = law
    noise = stream(seed, cohort, Scheme.MOMENT_NORMAL, chunk).standard_normal((mean.size, CHUNK))
    return np.concatenate([np.full((1, CHUNK), float(n)), n * mean[:, None] + root @ noise])


def sample_sums(source: Features) -> Array:
    """Sums of features over the sample itself (q, 1)."""
    total: Array | float = 0.0
    for rows in tiles(source.X.shape[0]):
        total = total + np.asarray(source.rows(rows), np.float64).sum(axis=0)
    return np.asarray(total)[:, None]


def left_out_sums(source: Features, design: Design) -> Iterator[Array]:
    """Sums of features with each person (or cluster) left out in turn: (q, m) for one block after another."""
    everyone = sample_sums(source)
    if design.cluster is not None:
        held = unit_features(source, design)
        assert held is not None
        yield everyone - held.T
        return
    for rows in tiles(source.X.shape[0]):
        F = np.asarray(source.rows(rows), np.float64)[source.complete[rows]]
        if F.size:
            yield everyone - F.T
