"""Numbers behind pictures and sentences: what a hidden cause leaves, when BIC may be compared, what others found."""

from dataclasses import replace
from math import sqrt

import pandas as pd
import pytest

from kinechain.document import Number, plain
from kinechain.entries import build_ledger
from kinechain.figures.contours import share_left
from kinechain.figures.distributions import distributions_table, far_from_typical
from kinechain.figures.path_diagram import path_diagram_table
from kinechain.figures.rivals import bic_difference
from kinechain.figures.trajectories import widest_gap
from kinechain.results import rests_on_several
from kinechain.words import correction_sentence, results_paragraph, shown
from tests.fixtures.report_inputs import people_results, trial_results


@pytest.mark.parametrize(
    ("t", "df", "cause", "outcome"), [(5.2, 370, 0.03, 0.02), (2.1, 90, 0.2, 0.4), (9.0, 40, 0.6, 0.1)]
)
def test_what_is_left_is_the_estimate_less_the_bias(t: float, df: int, cause: float, outcome: float) -> None:
    f = t / sqrt(df)
    robustness = (sqrt(f**4 + 4 * f**2) - f**2) / 2
    bias = sqrt(df * outcome * cause / (1 - cause))  # in standard errors, as the check adjusts
    assert share_left(cause, outcome, robustness) == pytest.approx((t - bias) / t)
    assert share_left(robustness, robustness, robustness) == pytest.approx(0)


def fit(bic: float, *names: str, n: int = 100) -> dict[str, object]:
    return {
        "n_obs": n,
        "fit_measures": {"bic": bic},
        "parameters": [{"lhs": it, "op": "~~", "rhs": it} for it in names],
    }


def test_bic_is_compared_only_between_models_of_the_same_variables_and_people() -> None:
    fits = {
        "chain": fit(10, "x", "y"),
        "same": fit(13, "y", "x"),
        "more": fit(1, "x", "y", "z"),
        "fewer": fit(1, "x", "y", n=9),
    }
    assert bic_difference(fits, "same", "chain") == 3
    assert bic_difference(fits, "more", "chain") is None
    assert bic_difference(fits, "fewer", "chain") is None
    assert bic_difference(fits, "chain", "chain") is None


def test_the_widest_gap_counts_in_sd_of_the_first_visit() -> None:
    rows = [
        {"name": name, "arm": arm, "visit": visit, "mean": mean, "seen_sd": sd}
        for name, sd, means in (("Wide", 10.0, (0, 5)), ("Sharp", 1.0, (0, 2)))
        for visit in ("before", "after")
        for arm, mean in zip(("a", "b"), means, strict=True)
    ]
    assert "sharp" in widest_gap(pd.DataFrame(rows))


def test_a_measure_far_from_what_others_found_is_named() -> None:
    results = people_results(n=200)
    measure = str(results.cohort.constructs.get(results.chain[0], results.chain[0]))
    near = distributions_table(results)
    middle = float(near[(near["measure"] == measure) & (near["x"] == 0.5)]["value"].iloc[0])
    for mean, named in ((middle, 0), (middle + 1e6, 1)):
        table = distributions_table(replace(results, typical={measure: {"mean": mean, "sd": 1.0}}))
        assert len(far_from_typical(table)) == named


def test_no_diagram_is_drawn_of_a_chain_without_links() -> None:
    results = people_results(n=200)
    ends = f"{results.chain[-1]}~{results.chain[0]}"
    assert path_diagram_table(replace(results, effects=results.effects[results.effects["effect"] == ends])).empty


def test_links_that_nobody_could_judge_are_not_called_failures() -> None:
    results = people_results(n=200)
    mute = tuple({**claim, "verdict": "not_testable"} for claim in results.claims)
    silent = replace(results, claims=mute)
    assert plain(shown(silent, build_ledger(silent))).startswith("No link of the chain could be judged here")


def test_the_results_paragraph_takes_every_number_from_the_ledger() -> None:
    results = people_results(n=200)
    told = results_paragraph(results, build_ledger(results))
    assert told is not None
    assert "β = " in plain(told)
    assert sum(isinstance(part, Number) for part in told) >= 4 * len(results.edges)


def test_only_a_trial_speaks_of_treatment() -> None:
    results, trial = people_results(n=200), trial_results()
    assert correction_sentence(results, build_ledger(results)) is None
    claim = {**trial.claims[0], "claim": "T1", "kind": "corrective", "verdict": "supported"}
    treated = replace(trial, claims=(*trial.claims, claim))
    told = correction_sentence(treated, build_ledger(treated))
    assert told is not None
    assert "none was contradicted" in plain(told)


def test_a_verdict_beside_an_interval_that_tells_otherwise_says_why() -> None:
    claim = {"parts": ["C01", "C02"], "low": 0.1, "high": 0.3}
    assert rests_on_several({**claim, "verdict": "inconclusive"})
    assert not rests_on_several({**claim, "verdict": "supported"})
    assert not rests_on_several({**claim, "verdict": "inconclusive", "parts": []})
