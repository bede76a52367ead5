"""Weights: exact laws, whatever the number of people; one stream a chunk."""

import numpy as np
import pytest
from scipy import stats

from kinechain.numerics.streams import CHUNK, Scheme, chunk_sizes, stream
from kinechain.numerics.weights import (
    cluster_weights,
    multinomial_weights,
    poisson_table,
    poisson_weights,
    stratified_weights,
    tile_totals,
    two_point_weights,
)

REJECTED_ONE_IN = 1e-4  # chance that a right sampler fails a goodness-of-fit test here; seeds are fixed


def rng(chunk: int = 0) -> np.random.Generator:
    return stream(7, "cohort", Scheme.MULTINOMIAL, chunk)


def fits(counts: np.ndarray, law: np.ndarray) -> bool:
    """Chi-square test with cells of at least 5 expected."""
    expected = law / law.sum() * counts.sum()
    keep = expected >= 5
    observed = np.append(counts[: law.size][keep], counts.sum() - counts[: law.size][keep].sum())
    wanted = np.append(expected[keep], expected.sum() - expected[keep].sum())
    if wanted[-1] < 5:
        observed, wanted = observed[:-1], wanted[:-1] * observed[:-1].sum() / wanted[:-1].sum()
    return bool(stats.chisquare(observed, wanted).pvalue > REJECTED_ONE_IN)


@pytest.mark.parametrize("n", [1, 2, 5, 12, 13, 20, 60, 300, 3000])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_draw_holds_exactly_n_people(n, dtype):
    weights = multinomial_weights(rng(), n, 257, dtype=dtype)
    assert weights.shape == (257, n) and weights.dtype == dtype
    assert (weights.sum(axis=1) == n).all() and (weights >= 0).all() and (weights == np.floor(weights)).all()


@pytest.mark.parametrize("n", [5, 20, 60, 300])
def test_one_persons_weight_is_binomial(n):
    weights = np.concatenate([multinomial_weights(rng(chunk), n, CHUNK) for chunk in range(40)])
    for person in (0, n // 2, n - 1):
        counts = np.bincount(weights[:, person].astype(int), minlength=20)[:20]
        assert fits(counts, stats.binom.pmf(np.arange(20), n, 1 / n))


def test_the_joint_law_is_multinomial():
    """Three people, ten outcomes: every one as often as it should be."""
    weights = np.concatenate([multinomial_weights(rng(chunk), 3, CHUNK) for chunk in range(40)]).astype(int)
    outcomes = [(i, j, 3 - i - j) for i in range(4) for j in range(4 - i)]
    counts = np.array([(weights == outcome).all(axis=1).sum() for outcome in outcomes])
    assert counts.sum() == weights.shape[0]
    assert fits(counts, np.array([stats.multinomial.pmf(outcome, 3, [1 / 3] * 3) for outcome in outcomes]))


def test_top_up_leaves_the_covariance_of_the_multinomial():
    n = 60
    weights = np.concatenate([multinomial_weights(rng(chunk), n, CHUNK) for chunk in range(100)])
    covariance = np.cov(weights.T)
    draws = weights.shape[0]
    assert np.allclose(np.diag(covariance), 1 - 1 / n, atol=6 * np.sqrt(3 / draws))
    off = covariance[~np.eye(n, dtype=bool)]
    assert np.abs(covariance.sum(axis=0)).max() < 1e-10  # every draw holds n people: exact
    assert np.abs(off + 1 / n).max() < 6 / np.sqrt(draws)


def test_the_poisson_table_is_exact():
    """Sure states and escapes together give every quadruple its probability."""
    table = poisson_table(0.9)
    mass = np.diff(table.residual, prepend=0.0)
    sure = dict(zip(*np.unique(table.packed, return_counts=True), strict=True))
    escapes = sure.pop(np.uint32(0xFFFFFFFF))
    law = stats.poisson.pmf(np.arange(19), 0.9)
    for packed, share in zip(table.counts.tolist(), mass.tolist(), strict=True):
        counts = [(packed >> shift) & 255 for shift in (0, 8, 16, 24)]
        found = (sure.get(np.uint32(packed), 0) + share * escapes) / 65536
        assert found == pytest.approx(np.prod(law[counts]), abs=1e-15)


def test_poisson_and_two_point_weights_have_their_laws():
    poisson = poisson_weights(rng(), 301, CHUNK).astype(int)
    assert fits(np.bincount(poisson.ravel(), minlength=12), stats.poisson.pmf(np.arange(12), 1))
    two = two_point_weights(rng(), 301, CHUNK)
    assert set(np.unique(two)) == {0.0, 2.0}
    assert abs(two.mean() - 1) < 5 / np.sqrt(two.size)


def test_strata_keep_their_size_in_every_draw():
    strata = (np.arange(0, 40, 2), np.arange(1, 40, 2), np.arange(40, 47))
    weights = stratified_weights(rng(), strata, 47, 100)
    for rows in strata:
        assert (weights[:, rows].sum(axis=1) == rows.size).all()


def test_clusters_move_as_one():
    cluster = np.repeat(np.arange(15), 3)
    weights = cluster_weights(rng(), cluster, 100)
    assert (weights.reshape(100, 15, 3) == weights.reshape(100, 15, 3)[:, :, :1]).all()
    assert (weights.sum(axis=1) == 45).all()


def test_tiles_filled_one_by_one_are_the_same_bootstrap():
    """Binomial weights and n people in total, though no tile knows of the others."""
    tiles = np.array([40, 41, 40])
    all_weights = []
    for chunk in range(40):
        generator = rng(chunk)
        totals = tile_totals(generator, tiles, CHUNK)
        parts = [multinomial_weights(generator, int(size), CHUNK, totals=totals[:, t]) for t, size in enumerate(tiles)]
        all_weights.append(np.concatenate(parts, axis=1))
    weights = np.concatenate(all_weights)
    assert (weights.sum(axis=1) == 121).all()
    for person in (0, 60, 120):
        counts = np.bincount(weights[:, person].astype(int), minlength=20)[:20]
        assert fits(counts, stats.binom.pmf(np.arange(20), 121, 1 / 121))


def test_a_stream_belongs_to_its_cohort_scheme_and_chunk():
    def first(**change):
        key = {"seed": 1, "cohort": "a", "scheme": Scheme.MULTINOMIAL, "chunk": 0} | change
        return stream(**key).integers(2**62)

    assert first() == first()
    others = [first(seed=2), first(cohort="b"), first(scheme=Scheme.CLUSTER), first(chunk=1)]
    assert len({first(), *others}) == 5


def test_chunks_depend_on_the_index_alone():
    assert chunk_sizes(3 * CHUNK + 5) == [CHUNK, CHUNK, CHUNK, 5]
    assert chunk_sizes(CHUNK) == [CHUNK]
