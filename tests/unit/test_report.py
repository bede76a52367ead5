"""The page and the paper: complete, self-contained, inert against hostile text, the same bytes every time."""

import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest
from markupsafe import escape

from kinechain import overview, publish
from kinechain.display import findings_display, verdict_words
from kinechain.document import Document, NumberWithoutKeyError, keys_of, plain, prose_of
from kinechain.entries import build_ledger
from kinechain.errors import UserError
from kinechain.figures import FIGURES, draw_pictures
from kinechain.paper import pictures_of, render_pdf, render_typst, typst_literal
from kinechain.render import _drawing, digits_without_key, render_html, render_index
from kinechain.report import build_document
from kinechain.results import Results
from kinechain.word_file import render_docx
from tests.fixtures.hostile import HOSTILE, hostile
from tests.fixtures.report_inputs import people_results, summary_results, trial_results, with_visits

TEMPLATES = Path(__file__).resolve().parents[2] / "workflow" / "templates"

OF_TRIALS = ("consort", "trajectories", "contrasts", "ways")
"""Figures that need arms."""


@pytest.fixture(scope="module")
def templates() -> Mapping[str, str]:
    return publish.read_templates(TEMPLATES)


def document_of(results: Results, *, with_pictures: bool = True) -> Document:
    pictures = draw_pictures(results) if with_pictures else {}
    shelf = publish.read_shelf(TEMPLATES)
    return build_document(results, build_ledger(results), pictures, shelf)


def test_a_count_stands_once_in_the_table_of_findings() -> None:
    rows = [
        {"level": "warning", "measure": "x", "what": "12 values are far off", "count": 12, "masked": False},
        {"level": "warning", "measure": "x", "what": "fewer than 10 rows are odd", "count": None, "masked": True},
        {"level": "warning", "measure": "x", "what": "the file has no id", "count": None, "masked": False},
    ]
    results = replace(people_results(), quality={"findings": rows, "threshold": 10})
    table = findings_display(results, build_ledger(results), notes=False)
    assert [(row[2].text, row[3].text) for row in table.rows] == [
        ("values are far off", "12"),
        ("rows are odd", "fewer than 10"),
        ("the file has no id", "–"),
    ]


@pytest.fixture(scope="module")
def people() -> Document:
    return document_of(people_results(n=200))


@pytest.fixture(scope="module")
def summary() -> Document:
    return document_of(summary_results())


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def read(page: str) -> list[tuple[str, dict[str, str | None]]]:
    reader = Reader()
    reader.feed(page)
    return reader.tags


def test_the_page_asks_the_network_for_nothing(people: Document, templates: Mapping[str, str]) -> None:
    page = render_html(people, templates)
    for tag, attrs in read(page):
        for name in ("src", "srcset", "poster", "data"):
            assert (attrs.get(name) or "data:").startswith("data:"), (tag, attrs)
        assert tag not in ("link", "iframe", "object", "embed")
    assert "url(" not in page
    assert "@import" not in page


def test_every_anchor_leads_somewhere(people: Document, summary: Document, templates: Mapping[str, str]) -> None:
    for document in (people, summary):
        tags = read(render_html(document, templates))
        ids = [attrs["id"] for _, attrs in tags if attrs.get("id")]
        assert len(ids) == len(set(ids))
        wanted = {
            (attrs.get("href") or "")[1:]
            for tag, attrs in tags
            if tag == "a" and (attrs.get("href") or "").startswith("#")
        }
        assert wanted <= set(ids)


def test_every_picture_has_an_alternative_text(people: Document, templates: Mapping[str, str]) -> None:
    images = [attrs for tag, attrs in read(render_html(people, templates)) if tag == "img"]
    assert len(images) == len(FIGURES) - len(OF_TRIALS)
    assert all(len(attrs.get("alt") or "") > 30 for attrs in images)


def test_a_digit_typed_into_a_template_fails_the_build(people: Document, templates: Mapping[str, str]) -> None:
    broken = dict(templates)
    broken["report.html.j2"] = broken["report.html.j2"].replace("<main>", "<main><p>In 420 people it was so.</p>")
    with pytest.raises(NumberWithoutKeyError, match="In 420 people"):
        render_html(people, broken)


def test_the_lint_sees_prose_and_lets_tables_and_keys_pass() -> None:
    assert digits_without_key("<p>There were 3.</p>") == ["There were 3."]
    assert (
        digits_without_key('<p>There were <a class="num" data-key="n">3</a>.</p><table><tr><td>4</td></tr></table>')
        == []
    )


def test_numbers_in_prose_lead_to_the_ledger_table(people: Document, templates: Mapping[str, str]) -> None:
    page = render_html(people, templates)
    assert len(keys_of(people)) > 20
    for place in range(1, len(keys_of(people)) + 1):
        assert f'id="n-{place}"' in page


def test_synthetic_is_said_on_page_and_on_every_sheet(
    people: Document, summary: Document, templates: Mapping[str, str]
) -> None:
    assert "SYNTHETIC DATA" in render_html(people, templates)
    assert "SYNTHETIC DATA" in render_typst(people, templates)
    assert "SYNTHETIC" not in render_html(summary, templates)


def test_a_published_table_gets_sentences_where_people_would_stand(
    summary: Document, templates: Mapping[str, str]
) -> None:
    page = render_html(summary, templates)
    assert "nothing can be missing" in page
    assert "No rows of people enter the study" in page
    assert "{" not in re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.S)


def test_a_trial_has_its_own_section_and_others_have_none(people: Document, templates: Mapping[str, str]) -> None:
    trial = document_of(trial_results(), with_pictures=False)
    assert "trial" in {section.anchor for section in trial.sections}
    assert "trial" not in {section.anchor for section in people.sections}
    assert "Only the comparison of arms was randomised" in render_html(trial, templates)
    assert "CONSORT" in render_html(trial, templates)


def told(document: Document, anchor: str) -> str:
    (section,) = (it for it in document.sections if it.anchor == anchor)
    return "\n".join(plain(prose) for block in section.blocks for prose in prose_of(block))


def test_the_aim_stands_under_the_answer_of_every_cohort(people: Document, summary: Document) -> None:
    assert "The study's aim, in its authors' words: estimate" in told(people, "answer")
    assert "The study's aim" not in told(summary, "answer"), "config of that study says none"


def test_people_say_how_they_came_and_why_so_many_or_that_nobody_says_it(people: Document, summary: Document) -> None:
    for document in (people, summary):
        text = told(document, "people")
        assert "Who was eligible, and how people were found and chosen, is not on record." in text
        assert "No reason for the number of people is on record. How small an effect" in text
    about = {"recruitment": "Every third caller.", "eligibility": ["Adults", "No surgery"], "sample_size": "A guess."}
    text = told(document_of(replace(people_results(n=120), about=about), with_pictures=False), "people")
    assert "How they were found and chosen: Every third caller." in text
    assert "Conditions for entering, which each row was held to: Adults; No surgery." in text
    assert "How their number was chosen: A guess." in text
    assert "on record" not in text


def test_each_model_says_why_its_arrows_point_so_on_every_form(templates: Mapping[str, str]) -> None:
    results = people_results(n=120)
    effects = results.effects.copy()
    here = (effects["model"] == "M2_open") & (effects["effect"] == "tilt~tight")
    effects.loc[here, ["label", "lhs", "rhs"]] = ["a", "tilt", "tight"]
    models = results.models | {"M2_open": dict(results.models["M2_open"]) | {"edges": {"a": "Muscles pull."}}}
    document = document_of(replace(results, effects=effects, models=models), with_pictures=False)
    assert "tightness → backward tilt: Muscles pull." in told(document, "models")
    assert "what is put to the test, not what was found" in told(document, "models")
    assert "Muscles pull." in render_html(document, templates)
    assert "Muscles pull." in render_typst(document, templates)
    parts = zipfile.ZipFile(io.BytesIO(render_docx(document)))
    assert "Muscles pull." in parts.read("word/document.xml").decode()


def test_models_say_what_can_be_tested_of_what_they_take_for_granted(people: Document, summary: Document) -> None:
    for document in (people, summary):
        text = told(document, "models")
        for assumed in ("consistency", "positivity", "itself moved by the first cause", "Values of one visit cannot"):
            assert assumed in text
    assert "told under “Error correlation that undoes a link”" in told(people, "models")
    assert "Error correlation" not in told(summary, "models"), "that check was not run there"
    trial = told(document_of(trial_results(), with_pictures=False), "models")
    assert "Chance dealt the arms" in trial
    assert "Values of one visit" not in trial


def test_the_methods_say_which_interval_stands_where_and_who_is_left_out() -> None:
    results = people_results(n=120)
    claim = {**results.claims[0], "claim": "C16", "model": "threshold"}
    fits = {name: dict(fit) | {"missing": "fiml"} for name, fit in results.fits.items()}
    other = results.effects.assign(
        interval=["monte_carlo" if name == "M1_chain" else "percentile" for name in results.effects["model"]]
    )
    changed = replace(
        results,
        fits=fits,
        effects=other,
        claims=(*results.claims, claim),
        checks={**results.checks, "threshold": results.checks["robustness"]},
    )
    text = told(document_of(changed, with_pictures=False), "methods")
    assert "In the models people with missing values stayed in" in text
    assert "These checks use only people with a value of everything" in text
    assert "Intervals of the models are percentile bootstrap intervals" in text
    assert "Those of “The chain alone” are Monte Carlo intervals" in text
    assert "normal intervals from robust (HC3) standard errors; the verdicts on C16 rest on it." in text
    assert "all models of a cohort" not in text
    assert "analysis of arms" not in text
    plainly = told(document_of(replace(results, checks={}), with_pictures=False), "methods")
    assert "robust (HC3)" not in plainly
    assert "checks" not in plainly


def test_the_methods_of_a_trial_tell_the_intervals_of_arms() -> None:
    results = trial_results()
    row = results.effects.iloc[0].to_dict() | {"model": "M10_trial", "effect": "a_ctl_pain", "kind": "contrast"}
    effects = pd.concat([results.effects, pd.DataFrame([row | {"interval": "t"}])], ignore_index=True)
    text = told(document_of(replace(results, effects=effects), with_pictures=False), "methods")
    assert "In the analysis of arms contrasts and changes of arms" in text
    assert "have t intervals. None of these is a bootstrap interval." in text
    assert "score intervals" not in text, "no share of people was asked for"
    assert "delta method" not in text


def test_nothing_is_called_declared_beforehand(people: Document, templates: Mapping[str, str]) -> None:
    """Whether config came before the data is for the registration to say."""
    page = render_html(people, templates)
    assert "declared in config as too small to matter" in page
    assert not re.search(r"declared (?:beforehand|in advance)", page)


def test_visits_without_arms_say_what_came_first_and_how_far_apart(templates: Mapping[str, str]) -> None:
    results = people_results(n=120)
    cohort = replace(with_visits(results.cohort), design="longitudinal")
    document = document_of(replace(results, cohort=cohort), with_pictures=False)
    page = re.sub(r"<[^>]+>", "", render_html(document, templates))
    assert "that tells what came first, and no more" in page
    assert "before on day 0, after on day 84 and later on day 210" in page
    assert "trial" not in {section.anchor for section in document.sections}


def test_a_trial_is_told_in_words(templates: Mapping[str, str]) -> None:
    trial = document_of(trial_results(), with_pictures=False)
    (section,) = (section for section in trial.sections if section.anchor == "trial")
    page = re.sub(r"<[^>]+>", "", render_html(replace(trial, sections=(section,)), templates))
    assert "before on day 0, after on day 84 and later on day 210" in page
    assert "Stretching and strength against stretching, pain at later:" in page
    assert "not worse by the margin; better was not shown" in page
    assert "Stretching: at later, pain differed from usual care by −5.6 (95 %" in page
    assert "puts the total at −3.0" in page
    assert "Stretching and strength: an effect without the mechanism; at later, pain differed from usual" in page
    assert "The trial has no arm of b" in page
    assert 'href="trial/contrasts.csv"' in render_html(replace(trial, sections=(section,)), templates)


def test_an_author_who_says_more_than_the_design_is_stopped(templates: Mapping[str, str]) -> None:
    results = people_results(n=120)
    study = dict(results.study) | {"study": {"title": "A path study", "implications": "Stretching reduces neck pain."}}
    with pytest.raises(
        UserError, match=r"config.yaml: study.implications: `reduces` says more than a cross-sectional cohort can"
    ):
        document_of(replace(results, study=study), with_pictures=False)


def test_checks_are_tables_when_short_and_files_when_long(people: Document, templates: Mapping[str, str]) -> None:
    page = render_html(people, templates)
    assert 'href="checks/residual_correlation.csv"' in page
    assert 'id="table-check_specifications"' in page


def test_the_page_is_small(people: Document, templates: Mapping[str, str]) -> None:
    assert len(render_html(people, templates).encode()) < 3_000_000


def test_hostile_text_is_only_text(templates: Mapping[str, str]) -> None:
    document = document_of(hostile(people_results(n=200)), with_pictures=False)
    harmless = read(render_html(document_of(people_results(n=200), with_pictures=False), templates))
    attacked = read(render_html(document, templates))
    count = {tag: sum(1 for it, _ in attacked if it == tag) for tag in ("script", "img")}
    assert count == {tag: sum(1 for it, _ in harmless if it == tag) for tag in ("script", "img")}
    assert not [attrs for _, attrs in attacked if any(name.startswith("on") for name in attrs)]
    assert render_pdf(document, templates).startswith(b"%PDF")


@pytest.mark.parametrize("text", ['"', "\\", "#", "\n", "\x00", "\x1b", "\u2028", "a\tb"])
def test_a_typst_literal_holds_any_text(text: str) -> None:
    import typst

    assert typst.compile(f"#({typst_literal(text)})".encode(), format="svg")


HARMLESS = (
    "| lit",
    "| prose",
    "| cell",
    "| number",
    "| place",
    "| extent",
    "sheet.size",
    "| columns",
    "level",
    "section.anchor",
)
"""Endings of holes whose text cannot be markup: literals, what is made of literals, and our own numbers and names."""


def test_every_hole_of_the_paper_is_a_literal_or_prose() -> None:
    """A bare hole in the typst template would let text be read as markup."""
    holes = re.findall(r"\{\{(.*?)\}\}", (TEMPLATES / "report.typ.j2").read_text(encoding="utf-8"))
    macros = re.compile(r"^\s*(blocks|table)\(")
    assert holes
    for hole in holes:
        assert hole.strip().endswith(HARMLESS) or macros.match(hole), hole


def test_files_are_the_same_bytes_every_time(tmp_path: Path) -> None:
    for place in ("one", "two"):
        results = people_results(n=120)
        folder = tmp_path / place
        publish.write_tables(results, folder / "tables")
        publish.write_figures(results, folder / "figures")
        publish.write_ledger(results, folder / "ledger.json")
        publish.write_report(
            results,
            figures=folder / "figures",
            templates=TEMPLATES,
            html=folder / "report.html",
            pdf=folder / "report.pdf",
            summary=folder / "summary.json",
        )
        publish.write_index(
            [folder / "summary.json"], templates=TEMPLATES, out=folder / "index.html", study=results.study
        )
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert files == sorted(
        path.relative_to(tmp_path / "two") for path in (tmp_path / "two").rglob("*") if path.is_file()
    )
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def write_index_of(folder: Path, *cohorts: Results, title: str = "Reports") -> str:
    from kinechain import io

    for place, results in enumerate(cohorts):
        told = overview.summarise(results, document_of(results, with_pictures=False), build_ledger(results))
        io.write_json(told, folder / f"{place}.json")
    publish.write_index(
        sorted(folder.glob("*.json")), templates=TEMPLATES, out=folder / "index.html", study={"study": {"title": title}}
    )
    return (folder / "index.html").read_text(encoding="utf-8")


def test_the_index_shows_each_claim_once_and_each_cohorts_verdict_on_it(tmp_path: Path) -> None:
    people = people_results(n=120)
    rival = dict(people.claims[-1]) | {"claim": "RV99", "kind": "rival"}
    cohorts = (replace(people, claims=(*people.claims, rival)), summary_results())
    page = write_index_of(tmp_path, *cohorts)
    rows = {
        code: row
        for row in re.findall(r"<tr>.*?</tr>", page, flags=re.S)
        for code in re.findall(r'<span class="code">(\w+)</span>', row)
    }
    assert list(rows) == list(dict.fromkeys(str(row["claim"]) for it in cohorts for row in it.claims))
    for place, results in enumerate(cohorts):
        for claim in results.claims:
            spot = re.findall(r"<td.*?</td>", rows[claim["claim"]], flags=re.S)[place]
            assert f'href="{results.cohort.name}/report.html#claim-{claim["claim"]}"' in spot
            assert f'class="mark {claim["verdict"]}' in spot
            assert verdict_words(claim).partition(";")[0] in spot
            assert (f'<span class="tier">{claim["tier"]}</span>' in spot) == (claim["verdict"] != "not_testable")
    below = page.index("Rival explanations")
    for claim in cohorts[0].claims:
        assert (page.index(f'<span class="code">{claim["claim"]}</span>') > below) == (claim.get("kind") == "rival")


def test_the_index_shows_how_each_model_fitted_and_where_it_was_not_fitted(tmp_path: Path) -> None:
    people, summary = people_results(n=120), summary_results()
    alone = [model for model in people.fits if model not in summary.fits and people.models.get(model)]
    fits = dict(people.fits)
    fits[alone[0]] = dict(fits[alone[0]]) | {"status": "NOT_CONVERGED"}
    page = write_index_of(tmp_path, replace(people, fits=fits), summary)
    assert "not converged" in page
    assert "not fitted here" in page
    shown = [
        build_ledger(results)[f"fit/{model}/df"].value
        for results in (people, summary)
        for model in results.fits
        if results.models.get(model) and model != alone[0]
    ]
    assert page.count('<span class="fit">') == 2 * sum(1 for df in shown if df)
    assert page.count("fits by construction</a>") == sum(1 for df in shown if not df)
    assert 0 in shown
    assert any(shown)


def test_a_digit_typed_into_the_index_fails_the_build(tmp_path: Path, templates: Mapping[str, str]) -> None:
    broken = dict(templates)
    broken["index.html.j2"] = broken["index.html.j2"].replace("<section", "<p>All 5 cohorts agree.</p><section", 1)
    context = {"title": "", "objective": "", "cohorts": (), "claims": (), "rivals": (), "models": (), "tiers": ()}
    assert "No claim was asked of any cohort." in render_index(context, templates)
    with pytest.raises(NumberWithoutKeyError, match="All 5 cohorts"):
        render_index(context, broken)


def test_the_page_says_a_heading_as_text_and_shows_the_picture_from_below_it(
    people: Document, templates: Mapping[str, str]
) -> None:
    page = render_html(people, templates)
    for picture in pictures_of(people):
        whole = float(re.search(rb'viewBox="0 0 [0-9.]+ ([0-9.]+)"', picture.svg)[1])  # type: ignore[index]
        shown = re.search(rf'id="figure-{picture.name}">(.*?)<img src="data:image/svg\+xml,(.*?)"', page, flags=re.S)
        assert shown
        assert escape(picture.heading.title) in shown[1]
        assert escape(picture.heading.subtitle) in shown[1]
        top, height = re.search(r'viewBox="0 ([0-9.]+) [0-9.]+ ([0-9.]+)"', unquote(shown[2])).groups()  # type: ignore[union-attr]
        assert float(top) > 25
        assert float(top) + float(height) == pytest.approx(whole, abs=0.01)


def test_a_picture_whose_heading_is_not_found_is_shown_whole(people: Document) -> None:
    picture = pictures_of(people)[0]
    other = replace(picture, heading=replace(picture.heading, title="Something else"))
    drawn = _drawing(other)
    assert not drawn.is_headless
    assert unquote(drawn.address).endswith(" ".join(picture.svg.decode().split()))


def test_the_index_links_each_report_and_shows_hostile_titles_as_text(tmp_path: Path) -> None:
    tags = read(write_index_of(tmp_path, hostile(people_results(n=120)), summary_results(), title=HOSTILE))
    assert {attrs["href"] for tag, attrs in tags if tag == "a"} >= {
        "tiny_clinic/report.html",
        "tiny_normals/report.html",
    }
    assert not [tag for tag, _ in tags if tag in ("script", "img")]
