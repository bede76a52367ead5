"""What a reader's browser makes of the pages: quiet, self-sufficient, readable at every width, in light and dark.

Needs Chromium (Debian: `apt-get install chromium`); without it every test here skips and says so. Screenshots go to
`.screens/` at the root, for looking. KINECHAIN_REPORTS=reports looks at the pages of a study too.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kinechain import publish
from kinechain.page import Part, picture_address, render_page
from tests.browser.chromium import Chromium, Page, find_chromium
from tests.fixtures.hostile import HOSTILE, LONG, hostile
from tests.fixtures.report_inputs import people_results, summary_results

ROOT = Path(__file__).resolve().parents[2]
SCREENS = ROOT / ".screens"
CHROMIUM = find_chromium()
PATIENT = 5
"""First paint is to take less than a second; other work on the machine may make that five."""

VIEWS = [(390, False), (390, True), (1440, False), (1440, True)]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Reports of three small cohorts, one of them hostile, their index and a page of the certificate's kind.

    With KINECHAIN_REPORTS, a folder `make report` filled, also those in it.
    """
    folder = tmp_path_factory.mktemp("pages")
    made, summaries = [], []
    attack = hostile(people_results(n=120), LONG)
    attack = replace(attack, cohort=replace(attack.cohort, name="hostile"))
    for results in (people_results(n=200), summary_results(), attack):
        place = folder / results.cohort.name
        # What a figure makes of such names is asked in tests/unit/test_figures.py.
        publish.write_figures(people_results(n=120) if results is attack else results, place / "figures")
        publish.write_report(
            results,
            figures=place / "figures",
            templates=ROOT / "workflow" / "templates",
            html=place / "report.html",
            pdf=None,
            summary=place / "summary.json",
        )
        made.append(place / "report.html")
        summaries.append(place / "summary.json")
    index = folder / "index.html"
    publish.write_index(
        summaries, templates=ROOT / "workflow" / "templates", out=index, study=people_results(n=50).study
    )
    compared = [(name, picture_address(made[0].parent / "figures" / "forest.svg")) for name in ("published", "again")]
    certificate = folder / "certificate.html"
    sections = [
        Part("What was done", ("Computed again.",), ("File", "Verdict"), [(LONG, "equal")]),
        Part("Pictures", pairs=[("forest", compared)]),
    ]
    certificate.write_text(render_page("Certificate", LONG, sections, answer="Reproduced"), encoding="utf-8")
    study = os.environ.get("KINECHAIN_REPORTS")
    return [*made, index, certificate, *(sorted(Path(study).rglob("*.html")) if study else ())]


@pytest.fixture(scope="session")
def browser() -> Iterator[Chromium]:
    assert CHROMIUM is not None
    with Chromium(CHROMIUM) as running:
        yield running


@pytest.mark.parametrize(("width", "dark"), VIEWS)
def test_pages_are_quiet_ask_for_nothing_and_fit(browser: Chromium, pages: list[Path], width: int, dark: bool) -> None:
    for path in pages:
        page = browser.open(path, width=width, dark=dark)
        assert page.complaints() == [], path
        assert page.requests() == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than {width} px"
        name = path.parent.name if path.name == "report.html" else path.stem
        page.screenshot(SCREENS / f"{name}-{width}-{'dark' if dark else 'light'}.png")
        page.close()


def test_every_anchor_resolves_and_every_picture_shows(browser: Chromium, pages: list[Path]) -> None:
    for path in pages:
        page = browser.open(path, width=1440)
        lost = page.evaluate(
            "[...document.querySelectorAll('a[href^=\"#\"]')].map(a => decodeURIComponent(a.hash.slice(1)))"
            ".filter(id => id && !document.getElementById(id))"
        )
        assert lost == [], path
        assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 100)"), path
        page.close()


def test_every_link_from_the_index_finds_its_place_in_a_report(browser: Chromium, pages: list[Path]) -> None:
    for path in pages:
        if path.name != "index.html":
            continue
        page = browser.open(path, width=1440)
        links = page.evaluate(
            "[...document.querySelectorAll('a[href*=\"report.html\"]')].map(a => a.getAttribute('href'))"
        )
        page.close()
        assert links
        for target in sorted({link.partition("#")[0] for link in links}):
            places = {link.partition("#")[2] for link in links if link.startswith(f"{target}#")}
            report = browser.open(path.parent / target, width=1440)
            lost = report.evaluate(f"{json.dumps(sorted(places))}.filter(id => !document.getElementById(id))")
            assert lost == [], target
            report.close()


def test_hostile_text_is_shown_and_does_nothing(browser: Chromium, pages: list[Path]) -> None:
    said = json.dumps(HOSTILE.split("\u202e", maxsplit=1)[0].strip())
    for path in (pages[2], pages[3]):
        page = browser.open(path, width=390)
        page.evaluate("document.querySelectorAll('details').forEach(it => { it.open = true; })")
        assert page.evaluate(f"document.body.innerText.includes({said})"), path
        assert page.evaluate("[...document.images].every(image => image.src.startsWith('data:'))"), path
        assert page.evaluate(
            "[...document.querySelectorAll('.quote')].every(it => getComputedStyle(it).unicodeBidi === 'isolate')"
        ), path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert not [it for it in browser.events if it.get("method") == "Page.javascriptDialogOpening"], path
        page.close()


def test_the_first_column_of_the_index_stays_in_sight(browser: Chromium, pages: list[Path]) -> None:
    page = browser.open(pages[3], width=390)
    page.evaluate("document.querySelector('#by-claim table').style.width = '60rem'")
    place = "document.querySelector('#by-claim tbody th').getBoundingClientRect().x"
    before = page.evaluate(place)
    page.evaluate("document.querySelector('#by-claim').scrollLeft = 300")
    assert page.evaluate("document.querySelector('#by-claim').scrollLeft") == 300
    assert page.evaluate(place) == before
    page.close()


def test_pages_paint_within_a_second(browser: Chromium, pages: list[Path]) -> None:
    for path in pages:
        page = browser.open(path, width=1440)
        page.wait_until("performance.getEntriesByName('first-contentful-paint').length > 0")
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        assert paint < 1000 * PATIENT, f"{path}: first paint after {paint:.0f} ms"
        assert path.stat().st_size < 3_000_000
        page.close()


def report(browser: Chromium, pages: list[Path]) -> Page:
    return browser.open(pages[0], width=1440)


def test_tables_sort_both_ways_by_value(browser: Chromium, pages: list[Path]) -> None:
    page = report(browser, pages)
    column = (
        "[...document.querySelector('#table-effects_paths table').tBodies[0].rows]"
        ".map(row => Number(row.cells[2].dataset.sort))"
    )
    click = "document.querySelector('#table-effects_paths th:nth-child(3) button').click()"
    before = page.evaluate(column)
    page.evaluate(click)
    assert page.evaluate(column) == sorted(before)
    page.evaluate(click)
    assert page.evaluate(column) == sorted(before, reverse=True)
    assert before != sorted(before)
    page.close()


def test_a_table_copies_as_text_with_its_heads(browser: Chromium, pages: list[Path]) -> None:
    page = report(browser, pages)
    page.evaluate("document.querySelector('#table-fit .tools button').click()")
    page.wait_until("document.querySelector('#table-fit').dataset.copied")
    copied = page.evaluate("document.querySelector('#table-fit').dataset.copied")
    lines = copied.split("\n")
    assert lines[0].split("\t")[0] == "Model"
    assert len({len(line.split("\t")) for line in lines}) == 1
    page.close()


def test_a_chip_leads_to_its_claim_and_opens_it(browser: Chromium, pages: list[Path]) -> None:
    page = report(browser, pages)
    page.evaluate("document.querySelector('.chip').click()")
    page.wait_until("document.getElementById('claim-C01').open")
    assert page.evaluate("document.getElementById('claim-C01').parentElement.closest('details').open")
    page.close()


def test_a_claim_is_told_while_it_is_pointed_at_or_focused(browser: Chromium, pages: list[Path]) -> None:
    page = report(browser, pages)
    gists = {row["claim"]: row["gist"] for row in people_results(n=200).claims}
    told = "document.querySelector('.told').textContent"
    page.evaluate("document.querySelector('a.chip[href=\"#claim-C02\"]').focus()")
    assert gists["C02"] in page.evaluate(told)
    page.evaluate("document.querySelector('a.chip[href=\"#claim-C03\"]').dispatchEvent(new MouseEvent('mouseenter'))")
    assert gists["C03"] in page.evaluate(told)
    assert gists["C03"] in page.evaluate("document.querySelector('a.chip[href=\"#claim-C03\"]').textContent")
    page.close()


def test_the_chain_and_the_body_stand_side_by_side_where_there_is_room(browser: Chromium, pages: list[Path]) -> None:
    tops = "['path_diagram', 'body'].map(it => document.getElementById('figure-' + it).getBoundingClientRect().y)"
    for width, is_beside in ((1440, True), (390, False)):
        page = browser.open(pages[0], width=width)
        chain, body = page.evaluate(tops)
        assert (chain == body) == is_beside
        page.close()


def test_marks_keep_their_fill_on_paper_where_a_hollow_one_says_something_else(
    browser: Chromium, pages: list[Path]
) -> None:
    page = browser.open(pages[0], width=1440, printing=True)
    kept = "[...document.querySelectorAll('.mark, .squares li')].map(it => getComputedStyle(it).printColorAdjust)"
    assert set(page.evaluate(kept)) == {"exact"}
    page.close()


def test_the_page_reads_without_script(browser: Chromium, pages: list[Path]) -> None:
    page = browser.open(pages[0], width=1440, script=False)
    page.screenshot(SCREENS / "without-script.png")
    assert page.evaluate("document.querySelector('th button') === null"), "the script ran"
    for anchor in ("answer", "claims", "effects", "methods", "provenance"):
        assert page.evaluate(f"document.getElementById('{anchor}').offsetHeight > 60")
    page.close()


def test_no_text_lies_on_another_in_any_figure(browser: Chromium, pages: list[Path]) -> None:
    figures = [svg for page in pages for svg in sorted((page.parent / "figures").glob("*.svg"))]
    assert figures
    script = """(() => {
      const boxes = [...document.querySelectorAll('g[id^="text_"]')]
        .map(g => [g.id, g.getBoundingClientRect()]).filter(([, box]) => box.width > 0);
      const found = [];
      for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
        const [a, b] = [boxes[i][1], boxes[j][1]];
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (wide > 1.5 && high > 1.5) found.push([boxes[i][0], boxes[j][0]]);
      }
      return found;
    })()"""
    for figure in figures:
        page = browser.open(figure, width=1440)
        assert page.evaluate(script) == [], figure
        page.close()


def axe() -> str | None:
    """Source of axe-core: from KINECHAIN_AXE, else from where `make test` puts it."""
    given = os.environ.get("KINECHAIN_AXE")
    kept = Path(given) if given else Path(sys.prefix, "browser", "axe_playwright_python", "axe.min.js")
    return kept.read_text(encoding="utf-8") if given or kept.exists() else None


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1440, False), (1440, True)])
def test_axe_finds_no_violation(browser: Chromium, pages: list[Path], width: int, dark: bool) -> None:
    source = axe()
    if source is None:
        pytest.skip("axe-core is not here: make test installs it, or set KINECHAIN_AXE to axe.min.js")
    for path in pages:
        page = browser.open(path, width=width, dark=dark)
        page.evaluate("document.querySelectorAll('details').forEach(it => { it.open = true; })")
        page.evaluate(f"(() => {{ {source} }})(); 1")
        found = page.evaluate(
            "axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map(v => "
            "[v.id, v.nodes.length, v.nodes[0].html.slice(0, 160), (v.nodes[0].any[0] || {}).message || '']))"
        )
        assert found == [], f"{path}: {json.dumps(found, indent=1)}"
        page.close()
