import hashlib
from pathlib import Path

from kinechain.manifest import about, describe_files, tier_of


def test_pictures_are_advisory_and_their_numbers_are_not() -> None:
    assert tier_of(Path("figures/forest.svg")) == "picture"
    assert tier_of(Path("figures/forest.csv")) == "number"
    assert tier_of(Path("report.html")) == "page"


def test_a_sixth_digit_that_tips_over_leaves_the_second_digest_as_it_is() -> None:
    table = "effect,estimate,n\ny~x,0.0547191,420\nz~x,-1.2e-05,420\n"
    assert about(table) == about(table.replace("0.0547191", "0.0547192"))
    assert about(table) != about(table.replace("0.0547191", "0.0548191"))
    assert about(table) != about(table.replace("-1.2e-05", "1.2e-05"))
    assert about(table) != about(table.replace("420", "421", 1)), "whole numbers are held to the last digit"
    assert about("version 2.4.6 of 2026-11-27") != about("version 2.4.7 of 2026-11-27")


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
