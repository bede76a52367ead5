"""Claims judged on small effect tables: gates, tiers, multiplicity, resolution, words."""

import dataclasses
import json
import math

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from kinechain.decisions import parse_decisions
from kinechain.errors import UserError
from kinechain.evidence.claim import claim_problems, in_order
from kinechain.evidence.direction import compare_directions
from kinechain.evidence.judging import evidence_record, evidence_table, judge_material
from kinechain.evidence.resolution import n_for_null, n_where_null_begins, smallest_supported
from kinechain.evidence.sign import expected_raw_sign
from kinechain.evidence.tier import strongest_wording, tier_of
from kinechain.evidence.verdict import VERDICTS
from kinechain.io import json_text
from kinechain.numerics.multiplicity import adjust_benjamini_hochberg, adjust_holm
from tests.tolerances import CLOSED_FORM
from tests.unit.evidence_material import CLAIMS, DECISIONS, EDGES, chain_rows, claim, draws, fit, material, row

ORIENTATION = {"SLR": -1, "ASIS-PSIS": -1, "radiographic PT": 1, "LL": -1, "TK": 1, "CVA": -1, "NDI": 1}


@pytest.mark.parametrize(
    ("exposure", "outcome", "expected"),
    [
        ("SLR", "ASIS-PSIS", 1),
        ("SLR", "radiographic PT", -1),
        ("LL", "TK", -1),
        ("TK", "CVA", -1),
        ("CVA", "NDI", -1),
        ("SLR", "NDI", -1),
    ],
)
def test_expected_raw_signs_follow_from_orientations_alone(exposure, outcome, expected):
    assert expected_raw_sign(1, ORIENTATION[exposure], ORIENTATION[outcome]) == expected
    assert expected_raw_sign(-1, ORIENTATION[exposure], ORIENTATION[outcome]) == -expected


def test_a_column_without_direction_has_no_expected_sign():
    with pytest.raises(UserError) as caught:
        expected_raw_sign(1, 0, 1)
    assert str(caught.value) == (
        "config/measures.yaml: a measure with orientation 0 has no expected sign. "
        "Give it orientation 1 or -1, or use it as a covariate."
    )


def test_every_claim_and_rival_is_in_the_ledger_with_its_rule():
    names = {one.id for one in CLAIMS}
    assert {f"C{i:02d}" for i in range(1, 26)} | {f"RV{i:02d}" for i in range(13)} <= names
    assert claim_problems(CLAIMS, DECISIONS) == []


def test_a_true_chain_is_supported_link_by_link_while_its_total_is_too_small_to_matter():
    evidence = judge_material(material(chain_rows(0.3, 0.03)), CLAIMS)
    assert [evidence.verdict(name).verdict for name in EDGES] == ["supported"] * 5
    assert evidence.verdict("C15").verdict == "supported"
    total = evidence.verdict("C01")
    assert total.verdict == "contradicted_null"
    assert total.estimate == pytest.approx(0.3**5)


def test_the_weakest_link_is_named_by_verdict_first_then_by_its_lower_limit():
    rows = chain_rows(0.3, 0.05)
    rows[1] = row("M2_chain_open", EDGES["C05"], 0.2, 0.05)
    assert judge_material(material(rows), CLAIMS).verdict("C15").weakest == "C05 lumbar_flat~pelvis_post"
    rows[3] = row("M2_chain_open", EDGES["C10"], 0.25, 0.20)
    chain = judge_material(material(rows), CLAIMS).verdict("C15")
    assert (chain.verdict, chain.weakest) == ("inconclusive", "C10 head_fwd~thor_kyph")


def test_trial_claims_are_not_testable_in_a_cross_section_and_say_why():
    evidence = judge_material(material(chain_rows()), CLAIMS)
    for name in [f"C{i}" for i in range(17, 26)] + ["RV12"]:
        verdict = evidence.verdict(name)
        assert verdict.verdict == "not_testable"
        assert verdict.reasons == ("The claim needs a trial with randomised arms; this is a cross-sectional cohort.",)
        assert verdict.would_overturn.startswith("It would take a")


def test_a_construct_the_cohort_lacks_is_named():
    lacking = tuple(name for name in material([]).variables if name not in ("gaze", "upper_ext"))
    evidence = judge_material(material(chain_rows(), variables=lacking), CLAIMS)
    assert evidence.verdict("C12").reasons == ("The cohort has no measure of upper_ext or gaze.",)
    assert evidence.verdict("C09").reasons == ("The cohort has no measure of gaze.",)
    assert evidence.verdict("C12").would_overturn == "It would take a cohort with upper_ext and gaze measured"


def test_a_chain_that_is_null_by_one_link_of_five_is_corrected_for_the_five():
    """One link of five is bound to look nearest to zero: the chain cannot survive what that link does not."""
    rows = chain_rows(0.3, 0.05)
    rows[0] = row("M2_chain_open", EDGES["C04"], 0.0, 0.048)
    evidence = judge_material(material(rows), CLAIMS)
    link, chain = evidence.verdict("C04"), evidence.verdict("C15")
    assert (link.verdict, chain.verdict) == ("contradicted_null", "contradicted_null")
    assert chain.p_value == pytest.approx(5 * link.p_value)
    assert (link.survives_multiplicity, chain.survives_multiplicity) == (False, False)


def test_published_moments_say_all_that_a_claim_lacks_in_them():
    found = judge_material(material([], variables=("pelvis_post",), design="summary"), CLAIMS).verdict("C01")
    designs = "a cross-sectional cohort, repeated visits or a trial with randomised arms"
    assert found.reasons == (
        f"The claim needs {designs}; this is a table of means and correlations.",
        "The cohort has no measure of ham_tight or neck_pain.",
    )
    assert found.would_overturn == f"It would take {designs}, with ham_tight and neck_pain measured"


def test_a_model_that_was_not_fitted_is_named():
    verdict = judge_material(material(chain_rows()), CLAIMS).verdict("C07")
    assert verdict.reasons == ("No model that can test the claim was fitted to this cohort (M13_balance_strain).",)


def test_a_model_that_did_not_converge_gives_no_verdict_and_its_remedy():
    fits = {"M2_chain_open": {**fit(), "status": "not converged after 500 steps. Free a covariance."}}
    verdict = judge_material(material(chain_rows(), fits), CLAIMS).verdict("C04")
    assert verdict.verdict == "not_testable"
    assert verdict.reasons == (
        "The model M2_chain_open gave no estimates: not converged after 500 steps. Free a covariance.",
    )


def test_too_few_people_give_no_verdict():
    fits = {"M2_chain_open": fit(n=12)}
    assert judge_material(material(chain_rows(n=12), fits), CLAIMS).verdict("C04").reasons == (
        "Only 12 people could be used; 20 are the least for any verdict.",
    )


def test_fewer_people_than_parameters_bear_give_no_verdict():
    fits = {"M2_chain_open": fit(n=60)}
    assert judge_material(material(chain_rows(n=60), fits), CLAIMS).verdict("C04").reasons == (
        "60 people are too few for the 50 parameters of M2_chain_open; 1.5 people a parameter are the least.",
    )


def test_moments_of_exogenous_variables_do_not_count_as_parameters():
    """Where data have gaps the covariates' moments are estimated too; that asks for no more people."""
    paths = [{"lhs": "y", "op": "~", "rhs": f"x{i}", "se": 0.1} for i in range(10)]
    residual = [{"lhs": "y", "op": "~~", "rhs": "y", "se": 0.1}]
    moments = [{"lhs": f"x{i}", "op": "~~", "rhs": f"x{j}", "se": 0.1} for i in range(10) for j in range(i + 1)]
    means = [{"lhs": f"x{i}", "op": "~1", "rhs": "", "se": 0.1} for i in range(10)]
    fits = {"M2_chain_open": {**fit(n=60, npar=76), "parameters": [*paths, *residual, *moments, *means]}}
    several = material(chain_rows(n=60), fits)
    assert several.structural_parameters("M2_chain_open") == 11
    assert judge_material(several, CLAIMS).verdict("C04").verdict == "supported"


def test_too_many_failed_draws_give_no_verdict():
    rows = [{**one, "failed_draws": 80} for one in chain_rows()]
    assert judge_material(material(rows), CLAIMS).verdict("C04").reasons == (
        "8.0 % of the draws of M2_chain_open failed; more than 5 % decide nothing.",
    )


def test_an_unsettled_convention_gives_no_verdict():
    unsettled = {"pelvis_post": "convention suspected"}
    verdict = judge_material(material(chain_rows(), problems=unsettled), CLAIMS).verdict("C04")
    assert verdict.reasons == ("The sign or unit of pelvis_post is unsettled: convention suspected.",)


def test_unmeasured_covariates_are_named_where_they_belong():
    evidence = judge_material(material(chain_rows()), CLAIMS)
    lacking = "Declared covariates that this cohort lacks: occupation."
    assert lacking in evidence.verdict("C14").reasons
    assert lacking not in evidence.verdict("C04").reasons
    assert lacking in evidence.verdict("C15").reasons


def test_selection_on_a_consequence_is_warned_of():
    evidence = judge_material(material(chain_rows(), sampling_frame="neck_pain"), CLAIMS)
    warned = [
        one.claim for one in evidence.verdicts if any("selection on a consequence" in text for text in one.reasons)
    ]
    assert warned == ["C14"]


@pytest.mark.parametrize(("rmsea", "told"), [(0.197, True), (0.1, False), (0.05, False)])
def test_a_model_that_fits_badly_is_told_beside_its_verdict_which_stands(rmsea, told):
    rows = [row("M9_lagged", "x1", 0.0, 0.02)]
    fits = {"M9_lagged": fit(rmsea=rmsea)}
    verdict = judge_material(material(rows, fits, design="longitudinal"), CLAIMS).verdict("RV06")
    sentence = "The model M9_lagged fits badly (RMSEA 0.197; above 0.1 fit is poor): its numbers may mislead."
    assert (sentence in verdict.reasons) is told
    assert verdict.verdict == "contradicted_null"


def test_a_lag_has_the_fit_of_its_own_model_and_not_that_of_the_analysis():
    rows = [row("M10_trial", name, 0.0, 0.02) for name in ("x1", "reverse_lag")]
    fits = {"M10_trial": fit() | {"facts": {"rmsea": {"reverse_lag": 0.3236, "x1": 0.04}}}}
    evidence = judge_material(material(rows, fits, design="trial"), CLAIMS)
    sentence = "A model behind this verdict fits badly (RMSEA 0.324; above 0.1 fit is poor): its numbers may mislead."
    assert sentence in evidence.verdict("RV01").reasons
    assert not any("fits badly" in reason for reason in evidence.verdict("RV06").reasons)


def test_a_verdict_about_fit_itself_is_not_said_to_rest_on_a_model_that_fits_badly():
    fits = {"M0_independent": fit(chisq=220.1, df=36, pvalue=0.0, bic=2100.0, rmsea=0.11), "M2_chain_open": fit()}
    evidence = judge_material(material(chain_rows(), {**fits, "MT_total_effect": fit()}), CLAIMS)
    about_fit = [one for one in evidence.verdicts if one.effect == "chi-square"]
    assert about_fit
    assert not any("fits badly" in reason for one in about_fit for reason in one.reasons)


@pytest.mark.parametrize(("error", "needed"), [(0.002, None), (0.02, 138)])
def test_fewer_people_than_get_any_verdict_are_never_said_to_show_an_absence(error, needed):
    evidence = judge_material(material([row("M9_lagged", "x1", 0.0, error)], design="longitudinal"), CLAIMS)
    verdict = evidence.verdict("RV06")
    assert verdict.verdict == "contradicted_null"
    assert verdict.n_for_null == needed


def test_a_fallback_model_is_told():
    rows = [one for one in chain_rows() if one["model"] != "MT_total_effect"]
    rows.append(row("M2_chain_open", "total:ham_tight->neck_pain", 0.2, 0.05))
    total = judge_material(material(rows), CLAIMS).verdict("C01")
    assert total.verdict == "supported"
    assert "MT_total_effect was not fitted to this cohort; M2_chain_open decided instead." in total.reasons


def test_the_primary_family_is_corrected_by_holm_and_the_verdict_stands():
    rows = chain_rows(0.3, 0.05)
    rows[0] = row("M2_chain_open", EDGES["C04"], 0.105, 0.05)
    rows[1] = row("M2_chain_open", EDGES["C05"], 0.104, 0.05)
    evidence = judge_material(material(rows), CLAIMS)
    first = evidence.verdict("C04")
    assert first.verdict == "supported"
    assert first.survives_multiplicity is False
    assert evidence.verdict("C14").survives_multiplicity is True
    assert "does not survive the correction" in first.wording


def test_an_open_claim_has_nothing_to_survive():
    rows = chain_rows(0.3, 0.05)
    rows[0] = row("M2_chain_open", EDGES["C04"], 0.05, 0.05)
    assert judge_material(material(rows), CLAIMS).verdict("C04").survives_multiplicity is None


@pytest.mark.parametrize(("ours", "theirs"), [(adjust_holm, "holm"), (adjust_benjamini_hochberg, "fdr_bh")])
def test_corrections_agree_with_statsmodels(ours, theirs):
    p = np.array([0.001, 0.04, 0.03, 0.2, 0.009, 0.9, 0.03])
    assert ours(p) == pytest.approx(multipletests(p, method=theirs)[1], abs=CLOSED_FORM)


def test_corrections_agree_with_r_and_skip_what_was_not_tested():
    p = np.array([0.01, math.nan, 0.02, 0.03, 0.04])  # R 4.2.2: p.adjust(c(.01, .02, .03, .04), ...)
    assert adjust_holm(p)[[0, 2, 3, 4]] == pytest.approx([0.04, 0.06, 0.06, 0.06], abs=CLOSED_FORM)
    assert adjust_benjamini_hochberg(p)[[0, 2, 3, 4]] == pytest.approx([0.04, 0.04, 0.04, 0.04], abs=CLOSED_FORM)
    assert math.isnan(adjust_holm(p)[1])


def test_a_cohort_of_420_resolves_an_exact_null_in_about_a_quarter_and_below_270_never():
    from scipy.stats import norm

    error = 1.03 / math.sqrt(420)  # a partial standardised path with a little collinearity
    share = 2 * norm.cdf((0.10 - norm.ppf(0.95) * error) / error) - 1
    assert 0.2 < share < 0.35
    begins = n_where_null_begins(420, 1 / math.sqrt(420), 0.10, level=0.90)
    assert begins == pytest.approx(270, abs=2)


def test_the_n_that_calls_a_null_does_so_with_the_declared_power():
    from scipy.stats import norm

    n = n_for_null(420, 1 / math.sqrt(420), 0.10, level=0.90, power=0.80)
    error = 1 / math.sqrt(n)
    share = 2 * norm.cdf((0.10 - norm.ppf(0.95) * error) / error) - 1
    assert share == pytest.approx(0.80, abs=0.001)


@pytest.mark.parametrize(("r", "n"), [(0.10, 783), (0.20, 194), (0.30, 85)])
def test_the_smallest_supported_effect_meets_the_published_sample_sizes(r, n):
    fisher_error = 1 / math.sqrt(n - 3)  # of atanh(r), where a correlation's error does not depend on it
    assert math.tanh(smallest_supported(fisher_error, level=0.95, power=0.80)) == pytest.approx(r, abs=0.001)


def test_p_values_come_from_the_draws_and_agree_with_the_interval():
    rows = chain_rows()
    table = draws(EDGES["C04"], 0.1, 0.05)
    found = material(rows, draws={"M2_chain_open": table}).find("M2_chain_open", EDGES["C04"], "standardised")
    assert found is not None
    assert found.p_against_zero() == pytest.approx(0.0455, abs=0.001)  # 2 * (1 - Phi(2))
    assert found.p_equivalence(0.1) == pytest.approx(0.5, abs=0.001)


def test_a_draw_that_never_crosses_zero_has_no_p_of_zero():
    table = draws(EDGES["C04"], 1.0, 0.01, count=999)
    found = material(chain_rows(), draws={"M2_chain_open": table}).find("M2_chain_open", EDGES["C04"], "standardised")
    assert found is not None
    assert found.p_against_zero() == pytest.approx(2 / 1000)


@pytest.mark.parametrize(
    ("design", "evidence", "tier"),
    [
        ("summary", "cross_sectional", "T0"),
        ("cross_sectional", "cross_sectional", "T1"),
        ("cross_sectional", "lagged", "T1"),
        ("longitudinal", "cross_sectional", "T1"),
        ("longitudinal", "lagged", "T2"),
        ("trial", "cross_sectional", "T1"),
        ("trial", "lagged", "T2"),
        ("trial", "assignment", "T3"),
    ],
)
def test_a_tier_is_the_lower_of_design_and_comparison(design, evidence, tier):
    assert tier_of(design, evidence) == tier


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize("tier", ["T0", "T1", "T2"])
def test_no_sentence_below_a_trial_says_cause(verdict, tier):
    sentence = strongest_wording(verdict, tier, "A", "B", survives=True)
    assert not any(
        word in sentence.lower() for word in ("cause", "leads to", "because", "due to", "effect of", "reduces")
    )


def test_no_sentence_below_repeated_visits_says_precede():
    for tier in ("T0", "T1"):
        assert "preced" not in strongest_wording("supported", tier, "A", "B", survives=True)
    assert strongest_wording("supported", "T2", "A", "B", survives=True) == (
        "Over the visits of this cohort, A preceded B, as claimed."
    )


def test_sentences_read_whole():
    words = {
        ("supported", "T0"): "Published correlations are compatible with the claim that A goes with B.",
        ("supported", "T1"): "In this cross-section, A went with B, as claimed.",
        ("supported", "T3"): "In this trial, A caused B, as claimed.",
        (
            "contradicted_null",
            "T0",
        ): "Published correlations suggest that any link between A and B is too small to matter.",
        ("contradicted_opposite", "T1"): (
            "In this cross-section, A and B are linked in the opposite direction to the claim."
        ),
        ("inconclusive", "T1"): "In this cross-section, the link between A and B stays open.",
        ("not_testable", "T1"): "Whether A went with B cannot be tested here.",
    }
    for (verdict, tier), sentence in words.items():
        assert strongest_wording(verdict, tier, "A", "B", survives=True) == sentence


def test_forward_and_reverse_with_one_likelihood_are_indistinguishable():
    fits = {"F": fit(logl=-4321.123456789, df=9.0), "R": fit(logl=-4321.123456788, df=9.0)}
    result = compare_directions(fits, "F", "R", tolerance=1e-6)
    assert result.indistinguishable is True
    assert "statistically indistinguishable" in result.sentence


def test_forward_and_reverse_with_two_likelihoods_are_no_evidence_of_direction():
    result = compare_directions({"F": fit(logl=-4321.0), "R": fit(logl=-4330.0)}, "F", "R", tolerance=1e-6)
    assert result.indistinguishable is False
    assert "no evidence of direction" in result.sentence


def test_directions_that_were_not_fitted_are_not_compared():
    assert compare_directions({}, "F", "R", tolerance=1e-6).indistinguishable is None


def test_the_chain_names_its_reverse_when_one_wave_cannot_tell():
    rows = chain_rows()
    fits = {name: fit() for name in ("M2_chain_open", "MT_total_effect", "M1_chain_joint", "M6_reverse_joint")}
    evidence = judge_material(material(rows, fits), CLAIMS)
    for name in ("C15", "RV01", "RV06"):
        assert any("statistically indistinguishable" in text for text in evidence.verdict(name).reasons)


def test_the_table_has_the_columns_others_rely_on_first():
    table = evidence_table(judge_material(material(chain_rows()), CLAIMS))
    assert list(table.columns)[:13] == (
        [
            "claim",
            "verdict",
            "tier",
            "model",
            "effect",
            "estimate",
            "low",
            "high",
            "level",
            "sesoi",
            "n",
            "weakest",
            "reasons",
        ]
    )
    assert list(table["claim"]) == [one.id for one in CLAIMS]


def test_the_record_is_plain_json_with_not_a_number_as_null():
    record = json.loads(json_text(evidence_record(judge_material(material(chain_rows()), CLAIMS))))
    trial = next(one for one in record["claims"] if one["claim"] == "C17")
    assert trial["estimate"] is None
    assert record["directions"]["indistinguishable"] is None


def test_rules_that_read_one_another_are_refused():
    chain = claim("C15")
    loop = dataclasses.replace(chain, rule=dataclasses.replace(chain.rule, edges=("C06",)))
    other = dataclasses.replace(claim("C06"), rule=dataclasses.replace(claim("C06").rule, edges=("C15",)))
    with pytest.raises(UserError) as caught:
        in_order((loop, other))
    assert str(caught.value) == (
        "config/claims.yaml: the rules of C06, C15 read one another in a circle. "
        "Let one of them name a model and an effect instead."
    )


def test_a_smallest_effect_without_a_scale_is_refused():
    with pytest.raises(UserError) as caught:
        parse_decisions({"sesoi.path": {"value": 0.1, "unit": "SD", "source": "declared"}})
    assert str(caught.value) == (
        "config/decisions.yaml: sesoi.path: a smallest effect without a scale decides nothing. "
        "Add `scale:` `standardised`, `raw` or `share`."
    )


def test_an_unknown_decision_is_asked_for_by_its_closest_name():
    with pytest.raises(UserError) as caught:
        DECISIONS.value("sesoi.standardized_path")
    assert str(caught.value) == (
        "config/decisions.yaml: the decision `sesoi.standardized_path` is asked for but not there. "
        "Did you mean `sesoi.standardised_path`? Known names are listed in config/decisions.yaml."
    )
