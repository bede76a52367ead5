"""How each kind of rule decides: one behaviour a test, effects drawn in the test.

row(model, effect, estimate, standard error); the smallest effect of interest is 0.10 throughout
"""

import pytest

from kinechain.evidence.judging import judge_material
from tests.unit.evidence_material import CLAIMS, EDGES, chain_rows, fit, material, row

CLEAR, NULL, OPEN = (0.3, 0.05), (0.0, 0.03), (0.1, 0.1)


def verdict(claim, rows, fits=None, **more):
    return judge_material(material(rows, fits, **more), CLAIMS).verdict(claim)


def gaze(lumbar=NULL, thorax=NULL, head=NULL, comp=(0.2, 0.05), rest=(-0.2, 0.05)):
    return [
        row("M8_gaze", "total:lumbar_flat->gaze", *lumbar),
        row("M8_gaze", "total:thor_kyph->gaze", *thorax),
        row("M8_gaze", "total:head_fwd->gaze", *head),
        row("M8_gaze", "comp", *comp),
        row("M8_gaze", "rest", *rest),
    ]


def test_a_level_gaze_needs_every_effect_inside_the_bound():
    assert verdict("C09", gaze()).verdict == "supported"
    assert verdict("C09", gaze(thorax=OPEN)).verdict == "inconclusive"


def test_one_effect_wholly_outside_contradicts_a_level_gaze():
    found = verdict("C09", gaze(head=(0.4, 0.05)))
    assert (found.verdict, found.weakest) == ("contradicted_opposite", "total:head_fwd->gaze")


def test_parts_that_cancel_support_compensation():
    assert verdict("C12", gaze()).verdict == "supported"


def test_parts_of_one_sign_contradict_compensation():
    assert verdict("C12", gaze(rest=(0.2, 0.05))).verdict == "contradicted_opposite"


def test_a_total_that_is_not_null_contradicts_compensation():
    assert verdict("C12", gaze(thorax=(0.4, 0.05))).verdict == "contradicted_opposite"


def test_parts_that_are_both_nothing_leave_nothing_to_cancel():
    assert verdict("C12", gaze(comp=NULL, rest=NULL)).verdict == "contradicted_null"


def test_a_part_that_is_open_leaves_compensation_open():
    assert verdict("C12", gaze(comp=OPEN)).verdict == "inconclusive"


def dependence(p, gain, rows=None, n=400):
    fits = {
        "M0_independent": fit(n, pvalue=p, chisq=50.0, df=31, bic=2000.0 + gain),
        "M1_chain": fit(n, bic=2000.0),
        "M2_chain_open": fit(n, bic=2000.0),
        "MT_total_effect": fit(n),
    }
    return material(rows or chain_rows(), fits)


def test_dependence_needs_the_joint_test_and_bic():
    assert judge_material(dependence(0.001, 40.0), CLAIMS).verdict("C02").verdict == "supported"
    assert judge_material(dependence(0.001, -5.0), CLAIMS).verdict("C02").verdict == "inconclusive"
    assert judge_material(dependence(0.2, 5.0), CLAIMS).verdict("C02").verdict == "inconclusive"


def test_independence_is_called_only_where_every_link_could_have_been_seen():
    fine = judge_material(dependence(0.4, -60.0, chain_rows(0.0, 0.04)), CLAIMS)
    coarse = judge_material(dependence(0.4, -60.0, chain_rows(0.0, 0.15)), CLAIMS)
    assert (fine.verdict("C02").verdict, fine.verdict("RV00").verdict) == ("contradicted_null", "supported")
    assert (coarse.verdict("C02").verdict, coarse.verdict("RV00").verdict) == ("inconclusive", "inconclusive")
    assert any("no evidence of it" in text for text in coarse.verdict("RV00").reasons)


def test_the_same_dependence_contradicts_the_rival_without_a_chain():
    assert judge_material(dependence(0.001, 40.0), CLAIMS).verdict("RV00").verdict == "contradicted_opposite"


def test_models_on_different_people_are_not_compared():
    several = dependence(0.001, 40.0)
    several.fits["M0_independent"]["n_obs"] = 399  # type: ignore[index] # a dict in this test
    assert judge_material(several, CLAIMS).verdict("C02").verdict == "not_testable"


def mediated(through=CLEAR, past=NULL, first=CLEAR):
    rows = chain_rows()
    rows[0] = row("M2_chain_open", EDGES["C04"], *first)
    for name, outcome in (("lumbar", "lumbar_flat"), ("thorax", "thor_kyph"), ("head", "head_fwd")):
        rows.append(row("M2_chain_open", f"via_pelvis_{name}", *through))
        rows.append(row("M2_chain_open", f"{outcome}~ham_tight", *past))
    return rows


def test_an_effect_through_the_mediator_and_not_past_it_supports_mediation():
    found = verdict("C03", mediated())
    assert found.verdict == "supported"
    assert found.reasons[0] == (
        "An effect through the mediator is found on: low back, upper back, head. An effect past it is practically zero "
        "on: low back, upper back, head. Both hold for: low back, upper back, head. The way into the mediator: C04 is "
        "supported."
    )


def test_a_way_past_the_mediator_leaves_mediation_open():
    found = verdict("C03", mediated(past=CLEAR))
    assert found.verdict == "inconclusive"
    assert "Both hold for: none." in found.reasons[0]


def test_a_way_past_the_mediator_with_nothing_through_it_contradicts_mediation():
    assert verdict("C03", mediated(through=NULL, past=CLEAR)).verdict == "contradicted_null"


def test_a_first_link_of_practically_nothing_contradicts_mediation():
    assert verdict("C03", mediated(through=OPEN, past=OPEN, first=NULL)).verdict == "contradicted_null"


def upper_only(lower=NULL, upper=CLEAR):
    values = dict.fromkeys(("C04", "C05", "C08"), lower) | dict.fromkeys(("C10", "C14"), upper)
    rows = [row("M2_chain_open", EDGES[name], *value) for name, value in values.items()]
    rows.append(row("M4_thorax_only", EDGES["C10"], 0.3, 0.05))
    return rows


def test_a_rival_holds_when_its_whole_signature_does():
    assert verdict("RV04", upper_only()).verdict == "supported"


def test_a_rival_fails_when_a_part_of_its_signature_is_decided_otherwise():
    assert verdict("RV04", upper_only(lower=CLEAR)).verdict == "contradicted_opposite"


def test_a_rival_stays_open_while_a_part_of_its_signature_does():
    assert verdict("RV04", upper_only(lower=OPEN)).verdict == "inconclusive"


def vanishing(before, after):
    rows = [row("M2_unadjusted", effect, *before) for effect in EDGES.values()]
    return rows + [row("M2_chain_open", effect, *after) for effect in EDGES.values()]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (CLEAR, NULL, "supported"),
        (CLEAR, CLEAR, "contradicted_opposite"),
        (CLEAR, OPEN, "inconclusive"),
        (NULL, NULL, "contradicted_null"),
        (OPEN, NULL, "inconclusive"),
    ],
)
def test_common_causes_are_believed_only_when_every_edge_found_without_them_vanishes(before, after, expected):
    assert verdict("RV02", vanishing(before, after)).verdict == expected


def test_one_edge_that_stays_by_chance_alone_does_not_contradict_common_causes():
    rows = vanishing(CLEAR, NULL)
    rows[-1] = row("M2_chain_open", EDGES["C14"], 0.105, 0.05)
    assert verdict("RV02", rows).verdict == "inconclusive"


def test_shape_of_the_pelvis_is_judged_by_whichever_pair_was_fitted():
    rows = [
        row("VN_pelvis_lumbar", "lumbar_flat~pelvis_post", -0.3, 0.1, 100),
        row("VN_pelvis_lumbar_pi", "lumbar_flat~pelvis_post", 0.24, 0.09, 100),
    ]
    found = verdict("RV07", rows, design="summary")
    assert (found.verdict, found.tier, found.model) == ("contradicted_opposite", "T0", "VN_pelvis_lumbar_pi")
    assert (
        "Found in VN_pelvis_lumbar_pi, with correction for all that were looked at: lumbar_flat~pelvis_post."
        in found.reasons
    )


def test_geometry_stands_beside_the_verdict_on_shape_too():
    pair = ("VN_pelvis_lumbar", "VN_pelvis_lumbar_pi")
    rows = [row(model, "lumbar_flat~pelvis_post", 0.24, 0.09, 100) for model in pair]
    assert any("is geometry" in reason for reason in verdict("RV07", rows, design="summary").reasons)


def test_shape_cannot_explain_a_link_that_pointed_the_other_way_before():
    rows = [
        row("VN_pelvis_lumbar", "lumbar_flat~pelvis_post", -0.21, 0.04, 100),
        row("VN_pelvis_lumbar_pi", "lumbar_flat~pelvis_post", 0.08, 0.06, 100),
    ]
    found = verdict("RV07", rows, design="summary")
    assert found.verdict == "contradicted_opposite", "practically zero would speak of a change of .29"
    assert "Nothing stood there before that could vanish." in found.reasons


def test_the_threshold_rival_wants_nothing_below_the_point():
    extra = [row("threshold", "extra_slope", *CLEAR), row("threshold", "extra_slope_ranked", *CLEAR)]
    rows = [*extra, row("threshold", "slope_below", *NULL)]
    assert verdict("C16", rows, fits={}).verdict == "supported"
    assert verdict("RV11", rows, fits={}).verdict == "supported"
    rows[2] = row("threshold", "slope_below", *CLEAR)
    assert verdict("RV11", rows, fits={}).verdict == "contradicted_opposite"


def test_a_threshold_that_the_order_of_people_does_not_show_stays_open():
    rows = [row("threshold", "extra_slope", *CLEAR), row("threshold", "extra_slope_ranked", *NULL)]
    found = verdict("C16", rows, fits={})
    assert (found.verdict, found.effect) == ("inconclusive", "extra_slope_ranked")
    assert found.reasons == (
        "Part by part: the scores (supported), their ranks (practically zero). The numbers shown are those of: "
        "their ranks.",
    )


def trial(effect, estimate, error, **facts):
    fits = {"M10_trial": {**fit(200), "facts": facts}}
    return material([row("M10_trial", effect, estimate, error, 200)], fits, design="trial")


def test_a_randomised_contrast_may_say_cause():
    evidence = judge_material(trial("str_ctl_ham_tight_post", -8.0, 1.0), CLAIMS)
    found = evidence.verdict("C17")
    assert (found.verdict, found.tier) == ("supported", "T3")
    assert found.wording == "In this trial, assignment to stretching caused less tightness, as claimed."


def test_a_trial_says_which_claims_it_cannot_test():
    why = "Most people were tilted forward at the start."
    facts = {"testable": {"pelvis_distance": {"testable": False, "reason": why}}}
    evidence = judge_material(trial("str_ctl_pelvis_post_post", -3.0, 0.5, **facts), CLAIMS)
    assert evidence.verdict("C18").reasons == ("Most people were tilted forward at the start.",)


def test_a_verdict_that_unseen_visits_overturn_is_open():
    facts = {"overturned": {"str_ctl_ham_tight_post": [1.0]}}
    found = judge_material(trial("str_ctl_ham_tight_post", -8.0, 1.0, **facts), CLAIMS).verdict("C17")
    assert found.verdict == "inconclusive"
    assert "A shift of the values nobody saw, within the declared range, overturns it." in found.reasons


def test_the_smallest_effect_follows_the_measure_that_stands_for_the_construct():
    rows = [row("M10_trial", "strstg_neck_neck_pain_fu", -5.0, 1.0, 200)]
    fits = {"M10_trial": fit(200)}
    by_measure = {
        measure: verdict("C23", rows, fits, design="trial", measures={"neck_pain": measure}).sesoi
        for measure in ("ndi_total50", "neck_nprs", "something_new")
    }
    assert by_measure == {"ndi_total50": 3.75, "neck_nprs": 0.75, "something_new": 0.2}


def test_mediation_inside_a_trial_is_not_worded_as_assignment():
    rows = [row("M10_trial", "mediated_strstg_neck_pain", -5.0, 1.0, 200)]
    assert (
        verdict("C22m", rows, {"M10_trial": fit(200)}, design="trial", measures={"neck_pain": "ndi_total50"}).tier
        == "T2"
    )


def relapse(low, high, **facts):
    share = {**row("M10_trial", "relapse_share_neck", (low + high) / 2, 0.01), "low": low, "high": high}
    shares = {"low_90": low + 0.01, "high_90": high - 0.01}
    fits = {"M10_trial": {"status": "converged", "n_obs": 200, "fit_measures": {}, "facts": facts}}
    return verdict("C24", [{**share, **shares}], fits, design="trial")


def beside(low, high):
    middle = (low + high) / 2
    return {"arm": "neck", "against": "str_stg", "estimate": middle, "low": low, "high": high}


def test_relapse_is_called_frequent_only_beside_an_arm_that_relapses_less():
    assert relapse(0.55, 0.75, relapse_difference=beside(0.10, 0.40)).verdict == "supported"
    alike = relapse(0.55, 0.75, relapse_difference=beside(-0.10, 0.20))
    assert alike.verdict == "inconclusive"
    assert alike.reasons[-1] == (
        "In the arm neck the share is not shown to be more than in the arm str_stg: difference 5 percentage points "
        "[-10, 20]."
    )
    labels = {"neck": "neck care", "str_stg": "both exercises"}
    named = relapse(0.55, 0.75, relapse_difference=beside(-0.10, 0.20), labels=labels)
    assert "In the arm neck care the share is not shown to be more than in the arm both exercises" in named.reasons[-1]
    alone = relapse(0.55, 0.75)
    assert alone.verdict == "inconclusive"
    assert any("No other arm stands beside it" in reason for reason in alone.reasons)


def test_few_relapses_contradict_whatever_the_other_arm_does():
    assert relapse(0.05, 0.20).verdict == "contradicted_null"


def test_a_closed_test_of_two_arms_says_both_its_steps():
    effect = "strstg_neck_neck_pain_fu"
    fact = {"effect": effect, "margin": 3.75, "non_inferior": True, "superior": False}
    rows = [row("M10_trial", effect, -1.0, 1.0, 200)]
    fits = {"M10_trial": {**fit(200), "facts": {"noninferiority": fact}}}
    found = verdict("C23", rows, fits, design="trial", measures={"neck_pain": "ndi_total50"})
    assert found.verdict == "contradicted_null"
    assert any("Not worse by 3.75" in reason and "better, asked only after that: not shown" in reason
               for reason in found.reasons)  # fmt: skip


def test_models_of_different_variables_are_not_compared():
    several = dependence(0.001, 40.0)
    paths = [{"op": "~", "lhs": "neck_pain", "rhs": "head_fwd", "se": 0.1}]
    more = [*paths, {"op": "~", "lhs": "neck_pain", "rhs": "ham_tight", "se": 0.1}]
    for name, rows in (("M0_independent", paths), ("M1_chain", more), ("M2_chain_open", more)):
        several.fits[name]["parameters"] = rows  # type: ignore[index] # a dict in this test
    found = judge_material(several, CLAIMS).verdict("C02")
    assert found.verdict == "not_testable"
    assert "different variables" in found.reasons[0]


def test_what_vanishes_or_stays_is_told_with_its_estimates():
    rows = [row("VN_pelvis_lumbar", "lumbar_flat~pelvis_post", -0.30, 0.05)]
    rows += [row("VN_pelvis_lumbar_pi", "lumbar_flat~pelvis_post", 0.24, 0.05)]
    names = (*material([]).variables, "pi")
    reasons = verdict("RV07", rows, variables=names).reasons
    assert "Estimates: lumbar_flat~pelvis_post -0.30 (opposite) before, 0.24 (supported) after." in reasons


def test_geometry_stands_beside_a_link_that_shares_an_angle():
    names = (*(name for name in material([]).variables if name != "pi"), "pi")
    with_shape = verdict("C05", chain_rows(), variables=names).reasons
    without = verdict("C05", chain_rows(), variables=tuple(name for name in names if name != "pi")).reasons
    assert any("is geometry" in reason for reason in with_shape)
    assert not any("is geometry" in reason for reason in without)


def test_what_cannot_be_tested_is_said_in_the_verb_its_test_would_allow():
    sentence = verdict("RV06", []).wording
    assert sentence == "Whether more neck pain preceded a head further forward later on cannot be tested here."
    assert verdict("C17", []).wording == "Whether assignment to stretching caused less tightness cannot be tested here."
