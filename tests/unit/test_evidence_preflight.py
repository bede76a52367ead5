"""Mistakes in claims, decisions and checks, each told in one whole sentence."""

import dataclasses
from pathlib import Path

import pytest

from kinechain.checks import parse_plan, plan_problems
from kinechain.checks.preflight import check_questions
from kinechain.evidence.claim import draws_needed
from kinechain.evidence.preflight import check_claims
from kinechain.io import read_yaml
from kinechain.schema import check_shape
from kinechain.spec import build_spec, spec_from_text
from tests.unit.evidence_material import CLAIMS, CONFIG, DECISIONS, claim

MEASURES = read_yaml(CONFIG / "measures.yaml")
KNOWN = {*MEASURES["constructs"], *MEASURES["measures"]}
UNITS = {name: entry["unit"] for name, entry in MEASURES["measures"].items()}
MACROS = read_yaml(CONFIG / "config.yaml")["macros"]
MODEL_KEYS = ("name", "equations", "effects", "estimator", "missing")


def shipped_models():
    models = {}
    for path in sorted((CONFIG / "models").glob("*.yaml")):
        content = {key: value for key, value in read_yaml(path).items() if key in MODEL_KEYS}
        models[path.stem] = build_spec(content, MACROS, None, f"config/models/{path.name}")
    return models


def told(*claims, models=None):
    problems = check_claims(claims, DECISIONS, models or {}, KNOWN, UNITS)
    return [str(problem) for problem in problems]


@pytest.mark.parametrize("name", ["claims", "decisions", "checks"])
def test_the_shipped_files_have_the_shape_their_schema_asks_for(name):
    path = CONFIG / f"{name}.yaml"
    assert [str(problem) for problem in check_shape(read_yaml(path), name, path)] == []


def test_the_shipped_claims_can_be_judged_by_the_shipped_models():
    assert [
        str(problem)
        for problem in check_claims(CLAIMS, DECISIONS, shipped_models(), KNOWN, UNITS, reference="M2_chain_open")
    ] == []


def test_every_claim_that_a_cross_section_can_test_has_a_shipped_model():
    models = {*shipped_models(), "threshold"}
    orphans = [
        one.id
        for one in CLAIMS
        if "cross_sectional" in one.design and not any(test.model in models for test in one.tests)
    ]
    assert orphans == []


def test_the_shipped_checks_can_be_asked():
    plan = parse_plan(read_yaml(CONFIG / "checks.yaml"), {one.id: one.tests[0].effect for one in CLAIMS})
    units = UNITS | {"ham_tight": "deg", "thor_kyph": "deg"}
    assert [str(problem) for problem in plan_problems(plan, shipped_models(), KNOWN, units, DECISIONS, MACROS)] == []


def test_an_unknown_construct_is_named_with_its_closest():
    wrong = dataclasses.replace(claim("C04"), needs=("ham_tihgt", "pelvis_post"))
    assert told(wrong) == [
        "config/claims.yaml: C04: `needs` names `ham_tihgt`, which is no construct. "
        "Did you mean `ham_tight`? Known names are listed in config/measures.yaml."
    ]


def test_a_model_that_cannot_test_its_claim_is_refused():
    model = spec_from_text("pelvis_post ~ age", "M2_chain_open")
    assert told(claim("C04"), models={"M2_chain_open": model}) == [
        "config/claims.yaml: C04: the model `M2_chain_open` cannot test the claim: it has no effect "
        "`pelvis_post~ham_tight`. Did you mean `pelvis_post~age`?"
    ]


def test_a_smallest_effect_on_another_scale_is_refused():
    rule = dataclasses.replace(claim("C04").rule, sesoi="sesoi.xr_pt_deg")
    assert told(dataclasses.replace(claim("C04"), rule=rule)) == [
        "config/claims.yaml: C04: the estimate is standardised but `sesoi.xr_pt_deg` is raw. "
        "Write the `scale` of the rule and of its `sesoi` alike."
    ]


def test_an_effect_in_units_its_measure_does_not_have_is_refused():
    """Whether the claim names the measure itself or leaves it to the construct, as C17 does."""
    problems = check_claims((claim("C17"),), DECISIONS, {}, KNOWN, UNITS | {"slr_passive_deg": "cm"})
    assert [str(problem) for problem in problems] == [
        "config/decisions.yaml: sesoi.slr_passive_deg: it is in deg, but `slr_passive_deg` is measured in cm. "
        "Write it in the measure's own unit."
    ]


def test_a_smallest_effect_in_the_measures_unit_needs_an_estimate_in_it():
    rule = dataclasses.replace(claim("C17").rule, scale="standardised")
    assert told(dataclasses.replace(claim("C17"), rule=rule)) == [
        "config/claims.yaml: C17: `sesoi.@ham_tight` is in the measure's own unit, but the estimate is standardised. "
        "Write `scale: raw`."
    ]


def test_a_claim_of_a_model_that_is_nowhere_is_refused():
    one = dataclasses.replace(claim("C04"), tests=(dataclasses.replace(claim("C04").tests[0], model="M2_chain_opn"),))
    problems = check_claims((one,), DECISIONS, {}, KNOWN, UNITS, named=("M2_chain_open", "threshold"))
    assert [str(problem) for problem in problems] == [
        "config/claims.yaml: C04: `M2_chain_opn` is no model. Did you mean `M2_chain_open`? "
        "Known names are listed in config/models."
    ]


def test_a_directed_rule_needs_a_direction():
    assert told(dataclasses.replace(claim("C04"), sign=0)) == [
        "config/claims.yaml: C04: a rule of kind `effect` needs a direction. Write `sign: 1` or `-1`."
    ]


def test_a_rule_about_an_unknown_claim_is_refused():
    rule = dataclasses.replace(claim("C06").rule, edges=("C04", "C99"))
    (problem,) = told(claim("C04"), dataclasses.replace(claim("C06"), rule=rule))
    assert problem.startswith("config/claims.yaml: C06: `rule` reads the claim `C99`, which is not there.")


def test_a_cycle_in_a_model_is_told():
    model = spec_from_text("a ~ b\nb ~ a", "loop", "config/models/loop.yaml")
    assert told(models={"loop": model}) == [
        "config/models/loop.yaml:1:5: cycle: a -> b -> a; a recursive model is required. Take one of these paths out."
    ]


def test_adjusting_a_total_effect_for_a_mediator_is_refused():
    models = {
        "M2_chain_open": spec_from_text("head_fwd ~ ham_tight\nneck_pain ~ head_fwd + ham_tight", "M2_chain_open"),
        "MT_total_effect": spec_from_text("neck_pain ~ ham_tight + head_fwd", "MT", "config/models/MT.yaml"),
    }
    problems = check_claims((claim("C01"),), DECISIONS, models, KNOWN, UNITS, reference="M2_chain_open")
    assert [str(problem) for problem in problems] == [
        "config/models/MT.yaml:1:13: `head_fwd` lies on the way from `ham_tight` to `neck_pain`; holding it blocks "
        "part of the effect (C01: neck_pain~ham_tight). Take it out of that equation."
    ]


def test_adjusting_for_a_descendant_of_the_outcome_is_refused():
    models = {
        "M2_chain_open": spec_from_text("neck_pain ~ ham_tight\nneck_strain ~ neck_pain", "M2_chain_open"),
        "MT_total_effect": spec_from_text("neck_pain ~ ham_tight + neck_strain", "MT", "config/models/MT.yaml"),
    }
    (problem,) = check_claims((claim("C01"),), DECISIONS, models, KNOWN, UNITS, reference="M2_chain_open")
    assert str(problem) == (
        "config/models/MT.yaml:1:13: `neck_strain` is a descendant of `neck_pain`; holding it bends the effect you ask "
        "for (C01: neck_pain~ham_tight). Take it out of that equation."
    )


def test_adjusting_for_a_descendant_shows_as_the_cycle_it_is():
    """A covariate of an equation that the outcome itself causes closes a loop of arrows."""
    model = spec_from_text("y ~ x + z\nz ~ y", "bad", "config/models/bad.yaml")
    (problem,) = told(models={"bad": model})
    assert problem.startswith("config/models/bad.yaml:1:9: cycle: ")


def plan(**changes):
    content = {"main_model": "M", "edges": ["C04"], **changes}
    return parse_plan(content, {"C04": "pelvis_post~ham_tight"})


def asked(checks, model="pelvis_post ~ ham_tight", named=()):
    models = {"M": spec_from_text(model, "M")}
    problems = plan_problems(checks, models, KNOWN, {"ham_tight": "cm"}, DECISIONS, MACROS, named)
    return [str(problem) for problem in problems]


def test_a_contrast_in_units_the_exposure_does_not_have_is_refused():
    question = {
        "exposure": "ham_tight",
        "mediator": "pelvis_post",
        "outcome": "lumbar_flat",
        "contrast": "contrast.exposure",
    }
    assert asked(plan(natural_effects=[question])) == [
        "config/checks.yaml: `natural_effects` asks for contrast.exposure in deg, but `ham_tight` is measured in cm. "
        "Name a decision in cm, or another exposure."
    ]


def test_a_check_of_an_unknown_name_is_refused():
    question = {"exposure": "ham_tight", "outcome": "grip_kgg", "why": "hands are not legs"}
    assert asked(plan(negative_controls=[question])) == [
        "config/checks.yaml: `negative_controls` names `grip_kgg`, which is no construct or measure. "
        "Did you mean `grip_kg`? Known names are listed in config/measures.yaml."
    ]


CHAIN = "pelvis_post ~ ham_tight + age\nlumbar_flat ~ pelvis_post + age\nthor_kyph ~ lumbar_flat + age\nab := 1*1"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"main_model": "MM"},
            "`main_model` names `MM`, which is no model. Did you mean `M`? Known names are listed in",
        ),
        (
            {"atlas_models": ["N"]},
            "`atlas_models` names `N`, which is no model. Known names are listed in config/models.",
        ),
        ({"product": "ind"}, "`product` names `ind`, which `M` does not define."),
        (
            {"alternatives": {"ham_tight": ["ake_deficit"]}},
            "`alternatives` names `ake_deficit`, which is no construct or measure. Did you mean `ake_deficit_deg`?",
        ),
        (
            {"total": {"exposure": "ham_tight", "outcome": "neck_pain", "adjust": "B_totl"}},
            "`total` adjusts for `B_totl`, which is no construct, measure or macro. Did you mean `B_total`?",
        ),
        (
            {"splines": [{"exposure": "ham_tight", "outcome": "lumbar_flat", "adjust": "B + pelvis_post"}]},
            "`splines`: `pelvis_post` lies on the way from `ham_tight` to `lumbar_flat`; holding it blocks part of the "
            "effect (ham_tight -> lumbar_flat). Take it out of `adjust`.",
        ),
        (
            {"splines": [{"exposure": "ham_tight", "outcome": "lumbar_flat", "adjust": "thor_kyph"}]},
            "`splines`: `thor_kyph` is a descendant of `lumbar_flat`; holding it bends the effect you ask for",
        ),
    ],
)
def test_names_that_are_nowhere_and_bad_adjustments_are_refused(changes, says):
    (problem,) = asked(plan(**changes), CHAIN, ("M",))
    assert problem.startswith(f"config/checks.yaml: {says}")


def test_a_name_that_nothing_bears_has_no_place_in_time():
    order = [["age", "sexx"], ["ham_tight_bl"], ["neck_pain", "age"]]
    assert asked(plan(time_order=order)) == [
        "config/checks.yaml: `time_order` names `age` more than once. Let each name stand in one tier.",
        "config/checks.yaml: `time_order` names `sexx`, which is no construct or measure. "
        "Did you mean `sex`? Known names are listed in config/measures.yaml.",
    ]


def test_names_of_visits_and_arms_have_a_place_in_time():
    assert asked(plan(time_order=[["arm_str"], ["neck_pain_post"]])) == []


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("C4", "`C4`, which is no claim. Did you mean `C04`? Known names are listed in config/claims.yaml."),
        ("C02", "`C02`, a claim about no single path. Name claims whose first test has an effect `y~x`."),
    ],
)
def test_an_edge_of_the_checks_that_is_no_claim_about_a_path_is_refused(named, says):
    content = {"main_model": "M", "edges": [named]}
    (problem,) = check_questions(content, {"C04": "y~x", "C02": ""}, {}, KNOWN, {}, DECISIONS, MACROS)
    assert str(problem) == f"config/checks.yaml: `edges` names {says}"


def test_a_link_the_main_model_lacks_is_refused():
    checks = dataclasses.replace(plan(), edges=(("neck_pain", "head_fwd"),))
    assert asked(checks) == [
        "config/checks.yaml: `edges` asks for neck_pain~head_fwd, which is no path of `M`. "
        "Name claims whose paths the main model has."
    ]


def test_only_the_draws_that_rules_read_are_asked_for():
    needed = draws_needed((claim("C04"), claim("RV07")))
    assert needed["M2_chain_open"] == ("std:pelvis_post~ham_tight",)
    assert needed["VN_pelvis_lumbar"] == ("std:lumbar_flat~pelvis_post",)
    assert "M0_independent" not in needed


def test_config_lives_where_the_tests_look_for_it():
    assert Path(CONFIG, "claims.yaml").is_file()


def test_a_smallest_effect_of_another_construct_is_refused():
    about = claim("C17")
    other = dataclasses.replace(about, rule=dataclasses.replace(about.rule, sesoi="sesoi.ndi_total50"))
    owners = {name: entry.get("construct", "") for name, entry in MEASURES["measures"].items()}
    (problem,) = check_claims((other,), DECISIONS, {}, KNOWN, UNITS, owners)
    assert str(problem) == (
        "config/claims.yaml: C17: `sesoi.ndi_total50` is about neck_pain, which the claim does not speak of. "
        "Name the smallest effect of a measure of ham_tight."
    )
