"""Guidelines fill themselves from what is there, and are never green by silence."""

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml

from kinechain.checklists import EVIDENCE, Checklist, Item, answer_checklist, answer_item, parse_checklists
from kinechain.report import STATEMENTS
from kinechain.results import Results
from kinechain.works import cited, parse_bib
from tests.fixtures.report_inputs import people_results, summary_results, trial_results

TEMPLATES = Path(__file__).resolve().parents[2] / "workflow" / "templates"


@pytest.fixture(scope="module")
def checklists() -> dict[str, Checklist]:
    text = (TEMPLATES / "checklists.yaml").read_text(encoding="utf-8")
    return {it.name: it for it in parse_checklists(yaml.safe_load(text))}


def test_the_guidelines_have_all_their_items(checklists: dict[str, Checklist]) -> None:
    counts = {name: len(it.items) for name, it in checklists.items()}
    assert counts["AGReMA"] == 25
    assert counts["STROBE"] == 22
    assert counts["CONSORT"] == 25
    for checklist in checklists.values():
        assert [item.number for item in checklist.items] == [str(k + 1) for k in range(len(checklist.items))]


def test_every_item_is_answered_once_and_asks_for_what_is_missing(checklists: dict[str, Checklist]) -> None:
    for results in (people_results(n=120), summary_results()):
        for checklist in checklists.values():
            answers = answer_checklist(checklist, results)
            assert len(answers) == len(checklist.items)
            for answer in answers:
                assert answer.status != "reported" or answer.anchors or answer.statement, answer.item
                assert (answer.missing == "") == (answer.status == "reported")


def status_of(checklists: dict[str, Checklist], name: str, number: str, results: Results) -> tuple[str, str]:
    (item,) = (it for it in checklists[name].items if it.number == number)
    answer = answer_item(item, results)
    return answer.status, answer.missing


def test_what_a_number_of_people_can_tell_is_no_reason_for_it(checklists: dict[str, Checklist]) -> None:
    results = people_results(n=120)
    assert any(claim["smallest_supported"] for claim in results.claims)
    silent = replace(results, claims=tuple({**claim, "smallest_supported": None} for claim in results.claims))
    told = replace(silent, about={"sample_size": "Whoever came in one year was asked."})
    for name, number in (("AGReMA", "8"), ("STROBE", "10"), ("JARS-SEM", "6"), ("CONSORT", "7")):
        status, missing = status_of(checklists, name, number, results)
        assert status == "partly"
        assert "`sample_size`" in missing
        assert status_of(checklists, name, number, silent)[0] == "not reported"
        assert status_of(checklists, name, number, told)[0] == "reported"


def test_who_could_enter_has_to_be_said(checklists: dict[str, Checklist]) -> None:
    results = people_results(n=120)
    study = {**results.study, "study": {"setting": "One clinic, one year."}}
    for name, number in (("AGReMA", "7"), ("STROBE", "6"), ("CONSORT", "4")):
        assert status_of(checklists, name, number, replace(results, study=study))[0] == "partly"
        for about in ({"recruitment": "Every third caller."}, {"eligibility": ["Adults"]}):
            assert status_of(checklists, name, number, replace(results, study=study, about=about))[0] == "reported"


def test_analyses_are_planned_only_where_config_was_frozen_first(checklists: dict[str, Checklist]) -> None:
    results = people_results(n=120)
    frozen = {"frozen": "2026-01-01", "is_whole": True, "analysed": []}
    for found, status in (
        ({}, "partly"),
        (frozen, "reported"),
        (frozen | {"is_whole": False}, "partly"),
        (frozen | {"analysed": [results.cohort.name]}, "partly"),
    ):
        assert status_of(checklists, "AGReMA", "15", replace(results, registration=found))[0] == status
    nothing = replace(results, registration=frozen, checks={})
    assert status_of(checklists, "AGReMA", "15", nothing)[0] == "not reported"


def test_a_working_value_is_no_reliability_anybody_measured(checklists: dict[str, Checklist]) -> None:
    results = people_results(n=120)
    study = {**results.study, "study": {"measurement": "One rater, standing, who knew nothing else."}}
    for source, status in (("PMID 1", "reported"), ("default", "partly"), ("", "partly")):
        rows = [{"construct": name, "reliability": 0.9, "source": source} for name in results.chain]
        changed = replace(results, quality={"codebook": rows}, study=study)
        assert status_of(checklists, "AGReMA", "12", changed)[0] == status
        assert status_of(checklists, "STROBE", "8", changed)[0] == status
        assert status_of(checklists, "STROBE", "8", replace(changed, study=results.study))[0] == "partly"


def test_a_picture_without_confounders_is_part_of_a_causal_diagram(checklists: dict[str, Checklist]) -> None:
    results = people_results(n=120)
    assert status_of(checklists, "AGReMA", "10", results)[0] == "partly"
    study = {**results.study, "study": {"diagram": "Age points at every segment; one visit."}}
    assert status_of(checklists, "AGReMA", "10", replace(results, study=study))[0] == "reported"


def test_every_arrow_between_segments_needs_its_reason(checklists: dict[str, Checklist]) -> None:
    results = people_results(n=120)
    effects = results.effects.copy()
    is_path = (effects["model"] == "M2_open") & (effects["kind"] == "path")
    effects["lhs"], effects["rhs"] = effects["effect"].str.partition("~")[0], effects["effect"].str.partition("~")[2]
    is_asked = is_path & ~effects["rhs"].isin(["age", "sex"])
    effects["label"] = [f"p{place}" if asked else "" for place, asked in enumerate(is_asked)]
    reasons = dict.fromkeys(effects.loc[is_asked, "label"], "It comes first.")

    def told(frame: pd.DataFrame, edges: dict[str, str]) -> str:
        models = results.models | {"M2_open": dict(results.models["M2_open"]) | {"edges": edges}}
        return status_of(checklists, "JARS-SEM", "2", replace(results, effects=frame, models=models))[0]

    assert told(effects, reasons) == "reported"
    assert told(effects, dict(list(reasons.items())[1:])) == "not reported"
    unlabelled = effects.assign(label=effects["label"].where(effects["label"] != next(iter(reasons)), ""))
    assert told(unlabelled, reasons) == "not reported", "an arrow without a label has no reason"


def test_what_only_people_can_say_is_not_reported_until_they_do(checklists: dict[str, Checklist]) -> None:
    results = people_results(n=120)
    (ethics,) = (item for item in checklists["AGReMA"].items if item.statement == "ethics")
    assert answer_item(ethics, results).status == "not reported"
    study = dict(results.study) | {"study": {"ethics": "Approved by a committee."}}
    answer = answer_item(ethics, replace(results, study=study))
    assert (answer.status, answer.statement) == ("reported", "Approved by a committee.")


def test_an_item_that_needs_both_is_partly_reported_with_one() -> None:
    item = Item("1", "Both", ("design",), "limitations", "Write study.limitations.")
    answer = answer_item(item, people_results(n=120))
    assert (answer.status, answer.missing) == ("partly", "Write study.limitations.")


def test_a_published_table_has_no_flow_and_no_missing_values() -> None:
    assert not EVIDENCE["flow"].holds(summary_results())
    assert not EVIDENCE["missing"].holds(summary_results())
    assert EVIDENCE["flow"].holds(people_results(n=120))


def test_sensitivity_is_not_claimed_when_nothing_was_run() -> None:
    assert EVIDENCE["sensitivity"].holds(people_results(n=120))
    assert not EVIDENCE["sensitivity"].holds(replace(people_results(n=120), checks={}))


def test_checks_that_found_nothing_are_no_sensitivity_analysis() -> None:
    results = people_results(n=120)
    empty = {name: table.iloc[:0] for name, table in results.checks.items()}
    assert not EVIDENCE["sensitivity"].holds(replace(results, checks=empty))


def test_rivals_are_told_only_where_the_chain_was_compared_with_its_reverse() -> None:
    results = people_results(n=120)
    rival = {**results.claims[0], "kind": "rival", "verdict": "supported"}
    judged = replace(results, directions={"indistinguishable": True}, claims=(*results.claims, rival))
    assert EVIDENCE["rivals"].holds(judged)
    assert not EVIDENCE["rivals"].holds(replace(judged, directions={"indistinguishable": None, "sentence": "Not."}))
    silent = tuple({**claim, "verdict": "not_testable"} for claim in judged.claims)
    assert not EVIDENCE["rivals"].holds(replace(judged, claims=silent))


def test_a_design_is_named_in_the_title_or_the_abstract() -> None:
    results = people_results(n=120)
    named = replace(results, study={"study": {"title": "Pain", "abstract": "A cross-sectional study of pain."}})
    assert EVIDENCE["named_design"].holds(named)
    assert not EVIDENCE["named_design"].holds(replace(results, study={"study": {"title": "A path study of pain"}}))
    trial = replace(trial_results(), study={"study": {"title": "A randomised trial"}})
    assert EVIDENCE["named_design"].holds(trial)
    assert not EVIDENCE["named_design"].holds(replace(trial, study={"study": {"title": "A cross-sectional study"}}))


def test_a_frozen_config_is_a_registration(checklists: dict[str, Checklist]) -> None:
    (item,) = (it for it in checklists["AGReMA"].items if it.number == "5")
    results = people_results(n=120)
    assert answer_item(item, replace(results, study={})).status == "not reported"
    frozen = answer_item(item, replace(results, study={}, registration={"frozen": "2026-01-01"}))
    assert (frozen.status, frozen.anchors) == ("reported", ("registration",))
    said = replace(results, study={"study": {"registration": "There was none."}})
    assert answer_item(item, said).status == "reported"


def test_a_trial_shows_its_arms_where_it_tells_them(checklists: dict[str, Checklist]) -> None:
    """An analysis of arms has no model file, and so no equations that could be missing from it."""
    answers = {it.item.topic: it for it in answer_checklist(checklists["CONSORT"], trial_results())}
    assert answers["Outcomes and estimation"].anchors == ("trial",)
    assert answers["Flow of participants"].anchors == ("trial",)
    without = replace(trial_results(), checks=people_results(n=120).checks)
    answers = {it.item.topic: it for it in answer_checklist(checklists["CONSORT"], without)}
    assert answers["Outcomes and estimation"].status == "not reported"
    assert EVIDENCE["equations"].holds(trial_results()) == EVIDENCE["equations"].holds(people_results(n=200))


def test_the_authors_words_stand_in_a_section_the_row_leads_to(checklists: dict[str, Checklist]) -> None:
    """Every statement a checklist asks for is a key of config, and is printed in the report."""
    schema = yaml.safe_load((TEMPLATES.parent / "schemas" / "config.schema.yaml").read_text(encoding="utf-8"))
    keys = set(schema["properties"]["study"]["properties"])
    asked = {item.statement for it in checklists.values() for item in it.items if item.statement}
    assert asked <= keys
    assert asked <= {*STATEMENTS, "limitations"}
    (ethics,) = (item for item in checklists["AGReMA"].items if item.statement == "ethics")
    answer = answer_item(ethics, replace(people_results(n=120), study={"study": {"ethics": "Approved."}}))
    assert answer.anchors == ("statements",)


def test_a_prompt_names_what_would_fill_its_item(checklists: dict[str, Checklist]) -> None:
    for checklist in checklists.values():
        for item in checklist.items:
            assert re.search(r"study\.\w+|config/|`\w+`|report\.\w+|inference\.|people", item.prompt), item


def test_evidence_nobody_can_give_fails_the_build() -> None:
    rows = [
        {
            "name": "X",
            "title": "X",
            "work": "x",
            "designs": ["trial"],
            "items": [{"number": 1, "topic": "t", "evidence": ["magic"], "prompt": "p"}],
        }
    ]
    with pytest.raises(KeyError, match="magic"):
        parse_checklists(rows)
    rows[0]["items"] = [{"number": 1, "topic": "t", "prompt": "p"}]
    with pytest.raises(KeyError, match="asks for nothing"):
        parse_checklists(rows)


def test_every_guideline_and_method_cites_a_work_with_a_doi(checklists: dict[str, Checklist]) -> None:
    works = parse_bib((TEMPLATES / "works.bib").read_text(encoding="utf-8"))
    assert {it.work for it in checklists.values()} <= set(works)
    for work in works.values():
        assert work.doi.startswith("10.")
        assert "{" not in cited(work)


def test_a_work_is_formatted_one_way() -> None:
    works = parse_bib((TEMPLATES / "works.bib").read_text(encoding="utf-8"))
    assert cited(works["product_intervals"]) == (
        "MacKinnon D. P., Lockwood C. M. and Williams J. (2004). Confidence Limits for the Indirect Effect: "
        "Distribution of the Product and Resampling Methods. Multivariate Behavioral Research 39, 99–128."
    )


def test_a_work_without_a_doi_is_refused() -> None:
    with pytest.raises(ValueError, match="x has no DOI"):
        parse_bib("@article{x,\n  author = {A, B},\n  title = {T}, journal = {J}, year = {2000}\n}\n")
