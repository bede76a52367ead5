import hashlib
from pathlib import Path

from kinechain.manifest import describe_files, tier_of


def test_pictures_are_advisory_and_their_numbers_are_not() -> None:
    assert tier_of(Path("figures/forest.svg")) == "picture"
    assert tier_of(Path("figures/forest.csv")) == "number"
    assert tier_of(Path("report.html")) == "page"


def test_every_file_has_digest_maker_and_inputs(tmp_path: Path) -> None:
    for name in ("data/a.csv", "reports/a/claims.csv", "reports/a/figures/forest.svg", "reports/index.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    published = [Path("reports/a/claims.csv"), Path("reports/a/figures"), Path("reports/index.html")]
    makers = {"claims.csv": "judge_claims", "figures": "draw_figures", "index.html": "write_index"}
    files = describe_files(published, {"": [], "a": [Path("data/a.csv")]}, makers, tmp_path)
    assert list(files) == ["data/a.csv", "reports/a/claims.csv", "reports/a/figures/forest.svg", "reports/index.html"]
    assert files["data/a.csv"]["tier"] == "input"
    assert files["reports/a/claims.csv"]["sha256"] == hashlib.sha256(b"reports/a/claims.csv").hexdigest()
    assert files["reports/a/figures/forest.svg"]["made_by"] == "draw_figures"
    assert files["reports/index.html"]["inputs"] == ["data/a.csv"]
