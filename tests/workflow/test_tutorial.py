"""What the pages say a command prints is what it prints: edits and outputs are read from the pages themselves."""

import re
import shutil
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

import pytest

from kinechain.cli import main
from kinechain.scaffold import start_study
from kinechain.verification import Changes, Line, Status, Verification

DOCS = Path(__file__).resolve().parents[2] / "docs"
OMITTED = "…"
BLOCK = re.compile(r"^```\n(\$ .+?)\n```$|^(\| file \|.+?)\n\n", flags=re.M | re.S)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default study as it is cloned."""
    folder = tmp_path_factory.mktemp("tutorial") / "before"
    start_study(folder)
    return folder


@pytest.fixture
def mine(before: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy to edit, and to stand in."""
    folder = before.parent / "mine"
    shutil.copytree(before, folder)
    monkeypatch.chdir(folder)
    yield folder
    shutil.rmtree(folder)


def test_the_tutorial_prints_what_it_shows(before: Path, mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written: dict[str, list[str]] = {}
    shown = []
    for commands, table in BLOCK.findall((DOCS / "tutorial.md").read_text(encoding="utf-8")):
        if table:
            _edit(mine, table, written)
            continue
        command, _, output = commands.partition("\n")
        words = command.removeprefix("$ ").split()
        if words[:2] in (["kinechain", "check"], ["kinechain", "diff"]):
            assert_prints(words[1:], output, before, capsys)
            shown.append(words[1])
    assert shown == ["check", "check", "check", "diff"]


def test_the_tutorial_shows_a_verification_in_which_nothing_differs() -> None:
    same = Verification(
        "the manifest of commit 0123456", Changes(), (Line("a.csv", "number", Status.SAME),), recomputed=True
    )
    page = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    quoted = next(line for line in page.splitlines() if line.startswith("Reproduced: "))
    assert matches(quoted, same.summary())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("lumbar_flat ~ b*pelvis_post +", "lumbar_flat ~ b*pelvis_psot +"),
        ("pelvis_post ~ a*ham_tight   +", "pelvis_post ~ a*ham_tight + h*neck_pain +"),
    ],
    ids=["misspelt", "cycle"],
)
def test_the_page_on_models_shows_what_check_answers(
    old: str, new: str, mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _replace(mine / "config" / "models" / "M1_chain.yaml", old, new)
    assert main(["check"]) == 2
    printed = capsys.readouterr().err.strip()
    assert f"\n```\n{printed}\n```\n" in (DOCS / "change-a-model.md").read_text(encoding="utf-8")


def test_the_page_on_models_shows_what_a_path_changes(
    before: Path, mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (DOCS / "change-a-model.md").read_text(encoding="utf-8")
    _replace(
        mine / "config" / "models" / "M1_chain.yaml",
        "  neck_pain   ~ e*head_fwd    + B_pain",
        "  neck_pain   ~ e*head_fwd + t5*thor_kyph + B_pain",
    )
    assert "\n  neck_pain   ~ e*head_fwd + t5*thor_kyph + B_pain\n" in page
    quoted = next(commands for commands, _ in BLOCK.findall(page) if commands.startswith("$ kinechain diff"))
    command, _, output = quoted.partition("\n")
    assert_prints(command.split()[2:], output, before, capsys)


def assert_prints(words: list[str], quoted: str, before: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Run the command; where it compares with the last run, compare with the folder that run would have been of."""
    end = main([str(before) if word == "last-run" else word for word in words])
    out, err = capsys.readouterr()
    printed = err if end else out  # how far a long draw is goes to stderr too
    assert end == (2 if re.match(r"\S+:\d+:\d+: ", quoted) else 0), printed
    told = printed.replace(f"{before} -> ", "the last run -> ", 1)
    assert matches(quoted, told), f"{' '.join(words)} prints\n{told}\nand the page shows\n{quoted}"


def matches(quoted: str, printed: str) -> bool:
    """Whether the text is what was printed, `…` standing for what was left out."""
    return bool(re.fullmatch(re.escape(quoted.strip()).replace(OMITTED, ".*"), printed.strip(), flags=re.S))


def _edit(study: Path, table: str, written: dict[str, list[str]]) -> None:
    """Make the edits of a table: what stands there and what to write, or only what mends what was written before."""
    for row in table.splitlines()[2:]:
        name, *texts = re.findall(r"`([^`]+)`", row)
        if len(texts) == 2:
            old, new = texts
            written.setdefault(name, []).append(new)
        else:
            (new,) = texts
            (old,) = get_close_matches(new, written[name], n=1)
        _replace(study / name, old, new)


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1, f"{path} does not hold {old!r}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
