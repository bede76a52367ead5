"""The documentation site: built offline, no broken link, nothing asked of the network, a page for every claim."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs"))

import api_pages  # noqa: E402 -- scripts beside the pages they make, found only now
import build_site  # noqa: E402
import claim_pages  # noqa: E402
import formulas  # noqa: E402
import generate  # noqa: E402

from kinechain.evidence.rule import RULES  # noqa: E402
from kinechain.schema import check_shape, load_schema  # noqa: E402


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (build_site.MKDOCS / "mkdocs").is_dir() and importlib.util.find_spec("mkdocs") is None:
        pytest.skip("mkdocs is not installed: make docs")
    out = tmp_path_factory.mktemp("site") / "html"
    assert build_site.build(out) == 0
    return out


def test_no_page_asks_the_network_for_anything(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 60
    for page in pages:
        text = page.read_text(encoding="utf-8")
        asked = re.findall(r"<(?:script|img|iframe)[^>]+src=[\"']?(?:https?:)?//[^\s>]+", text)
        asked += re.findall(
            r"<link[^>]+rel=[\"']?(?:stylesheet|preconnect|icon)[^>]+href=[\"']?(?:https?:)?//[^\s>]+", text
        )
        assert asked == [], page.name


def test_every_link_leads_to_a_file(site: Path) -> None:
    for page in sorted(site.rglob("*.html")):
        if page.name == "404.html":
            continue
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"<a[^>]+href=[\"']?([^\s\"'>]+)", text):
            if re.match(r"[a-z]+:|#", target):
                continue
            goal = (page.parent / target.split("#")[0]).resolve()
            assert goal.exists(), f"{page.relative_to(site)} leads to {target}"


def test_every_claim_key_and_module_has_its_page(site: Path) -> None:
    claims = yaml.safe_load((ROOT / "config" / "claims.yaml").read_text(encoding="utf-8"))
    for name, claim in claims.items():
        page = (site / "claims" / f"{name}.html").read_text(encoding="utf-8")
        assert claim["gist"].split(",")[0] in page
    config = (site / "config.html").read_text(encoding="utf-8")
    assert "inference.seed" in config
    assert "places" in config
    assert "def fit_model" in re.sub(r"<[^>]+>", "", (site / "api" / "estimators.html").read_text(encoding="utf-8"))


def test_a_link_to_a_file_that_is_not_there_stops_the_build() -> None:
    page = ROOT / "docs" / "index.md"
    kept = build_site.with_checked_links("[a](../README.md) [b](index.md) [c](https://a.b)", page)
    assert kept == "a (`README.md`) [b](index.md) [c](https://a.b)"
    with pytest.raises(build_site.BrokenLinkError, match="nowhere"):
        build_site.with_checked_links("[a](../nowhere.py)", page)


def test_formulas_are_drawn_and_read_aloud(site: Path) -> None:
    page = (site / "methods.html").read_text(encoding="utf-8")
    assert "$$" not in page
    assert page.count('class="formula"') > 15
    assert 'aria-label="\\chi^2 = n\\,F_{\\mathrm{ML}}"' in page


def test_what_cannot_be_drawn_stops_the_build() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        formulas.with_formulas("$$\n\\nonsense{x}\n$$")


def test_every_kind_of_rule_says_how_it_decides() -> None:
    assert set(claim_pages.RULES) == set(RULES)


def test_a_claim_page_gives_bound_design_model_and_what_simulation_found() -> None:
    page = claim_pages.claim_pages()["claims/C04.md"]
    assert "**The bound**: 0.1 SD per SD (`sesoi.standardised_path`)" in page
    assert "cross sectional, longitudinal, trial (at most “went with”); summary (at most “goes with”)" in page
    assert "pelvis_post ~ a*ham_tight + B_pelvis" in page
    assert "| The chain is true, each link about .3 as observed | not false | 1,000 |" in page


def test_every_module_stands_on_its_floor() -> None:
    pages = api_pages.api_pages()
    assert "## Floor 9: what people type" in pages["api/index.md"]
    for module in sorted(path.stem for path in api_pages.PACKAGE.glob("*.py") if path.stem != "__init__"):
        assert f"[`{module}`]({module}.md)" in pages["api/index.md"]


def test_a_docstring_keeps_its_columns_as_a_table_and_its_prose_as_prose() -> None:
    text = "What it is.\n\nA  (p, p)  paths,\n           row by row\nb  slopes|ends\n\nSource (2000),\neq. <4>."
    assert [line for line in api_pages.described(text) if line] == [
        "What it is.",
        "| | |",
        "|---|---|",
        "| `A` | (p, p)\u2003paths, row by row |",
        "| `b` | slopes\\|ends |",
        "Source (2000), eq. &lt;4>.",
    ]


@pytest.mark.parametrize("name", generate.ORDER)
def test_the_least_that_works_is_let_through(name: str) -> None:
    for example in load_schema(name).get("examples", ()):
        assert check_shape(example, name, Path(generate.FILES[name])) == []


def test_the_reference_has_every_key_once_with_its_meaning() -> None:
    for part in generate.config_reference().split("\n## ")[1:]:
        rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| `")]
        keys = [row[0] for row in rows]
        assert len(keys) == len(set(keys)), part.splitlines()[0]
        assert all(row[-1].strip() for row in rows)


def test_the_reference_tells_bounds_options_and_the_keys_of_each_kind() -> None:
    page = generate.config_reference()
    assert "| `inference.seed` | whole number, 0 or more | yes |" in page
    assert "| `inference.missing` | `listwise` · `fiml` |" in page
    assert "| `… sum_score.min_answered` | whole number, 1 or more | yes |" in page
    assert "each has a file config/cohorts/&lt;name>.yaml" in page
