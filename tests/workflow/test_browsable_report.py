"""`snakemake --report`: one file that needs no network, with every figure and table under its category and label."""

import re
from pathlib import Path

import pytest

from kinechain.figures import FIGURES
from tests.browser.chromium import Chromium, find_chromium
from tests.workflow.conftest import TinyStudy

pytestmark = pytest.mark.workflow
CATEGORIES = ("Figures", "Tables", "Claims", "Sensitivity", "Reports")


@pytest.fixture(scope="module")
def bundle(built_study: TinyStudy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bundle") / "browse.html"
    built_study.run("--report", str(out))
    return out


def test_every_figure_and_table_has_category_and_label(built_study: TinyStudy, bundle: Path) -> None:
    text = bundle.read_text(encoding="utf-8")
    for category in CATEGORIES:
        assert f'"{category}"' in text, category
    drawn = {path.stem for path in (built_study.folder / "reports" / "demo_clinic" / "figures").glob("*.svg")}
    tables = {path.stem for path in (built_study.folder / "reports" / "demo_clinic" / "tables").glob("*.csv")}
    assert drawn & set(FIGURES)
    for name in drawn | tables:
        assert f'"{name}"' in text, name
    assert '"{name}"' not in text


def test_it_opens_without_asking_for_anything(bundle: Path) -> None:
    found = find_chromium()
    if found is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with Chromium(found) as browser:
        page = browser.open(bundle, width=1440)
        page.wait_until("document.body.innerText.includes('Figures')")
        shown = page.evaluate("document.body.innerText")
        assert all(category in shown for category in CATEGORIES)
        assert [url for url in page.requests() if re.match(r"https?:", url)] == []
        assert [line for line in page.complaints() if "ERR" in line or "Uncaught" in line] == []
