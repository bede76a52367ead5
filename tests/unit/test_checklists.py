"""Guidelines fill themselves from what is there, and are never green by silence."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from kinechain.checklists import EVIDENCE, Checklist, Item, answer_checklist, answer_item, parse_checklists
from kinechain.works import cited, parse_bib
from tests.fixtures.report_inputs import people_results, summary_results

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
