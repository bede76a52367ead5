"""The documentation site: built offline, no broken link, nothing asked of the network, a page for every claim."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs"))

import build_site  # noqa: E402 -- a script beside the pages it builds, found only now


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
