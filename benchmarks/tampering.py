"""One digit changed in a published table or figure's data: is it caught, and is the cell named?

    python -m benchmarks.tampering [EDITS] [STUDY]

STUDY is a folder that was built (reports/ in place); without it a tiny study is built first. Each edit changes one
digit of one file, at random; then the published files are held against the manifest, as `kinechain verify --published`
does, and the edited file is laid beside the one that was published, as a recomputed study has it. Writes
benchmarks/results/tampering.md.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kinechain.study import load_study
from kinechain.verification import Status
from kinechain.verify import check_published, differing_cells

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "tampering.md"
SEED = 20260101
EDITS = 100


@dataclass(frozen=True, slots=True)
class Edit:
    """One digit changed.

    is_caught  the check failed, and said that this file differs
    is_alone   it said so of no other file
    is_named   the line or key of the changed digit was named
    """

    file: str
    is_caught: bool
    is_alone: bool
    is_named: bool
    seconds: float


def change_digit(text: str, rng: np.random.Generator) -> tuple[str, int]:
    """The text with one of its digits changed into another, and the number of the line it stands in."""
    places = [match.start() for match in re.finditer(r"\d", text)]
    place = int(rng.choice(places))
    other = str((int(text[place]) + int(rng.integers(1, 10))) % 10)
    return text[:place] + other + text[place + 1 :], text.count("\n", 0, place) + 1


def targets(study: Path) -> list[Path]:
    """Published tables and the data of figures, those with a digit below their head."""
    files = sorted(path for path in (study / "reports").glob("*/**/*.csv") if "twin" not in path.parts)
    return [path for path in files if re.search(r"\d", path.read_text(encoding="utf-8"))]


def tamper(folder: Path, edits: int, seed: int = SEED) -> list[Edit]:
    """Random edits of a built study, each undone before the next."""
    study, rng = load_study(folder), np.random.default_rng(seed)
    files, found = targets(folder), []
    with tempfile.TemporaryDirectory() as kept:
        for _ in range(edits):
            path = files[int(rng.integers(len(files)))]
            name = path.relative_to(folder).as_posix()
            original = Path(kept) / path.name
            shutil.copy2(path, original)
            text, line = change_digit(original.read_text(encoding="utf-8"), rng)
            path.write_text(text, encoding="utf-8")
            started = time.perf_counter()
            lines = check_published(study).lines
            seconds = time.perf_counter() - started
            differ = [one.name for one in lines if one.status is Status.DIFFERS and one.tier != "input"]
            cells = differing_cells(path, original)
            named = f"line {line} " in cells or (line == 1 and "its columns" in cells)
            found.append(Edit(name, name in differ, differ == [name], named, seconds))
            shutil.copy2(original, path)
    return found


def page(edits: list[Edit], files: int) -> str:
    """The result as a page."""
    caught, alone, named = (sum(getattr(one, name) for one in edits) for name in ("is_caught", "is_alone", "is_named"))
    return "\n".join(
        [
            "# One digit changed",
            "",
            f"{len(edits)} random one-digit edits in {len({one.file for one in edits})} of {files} tables and "
            "files of figure data, one at a time (`make bench-tampering`).",
            "",
            "| what | edits |",
            "|---|---|",
            f"| made | {len(edits)} |",
            f"| caught, the file named | {caught} |",
            f"| no other file accused | {alone} |",
            f"| the line and the column of the digit named beside the recomputed study | {named} |",
            "",
            f"Holding all published files against their digests took {np.median([one.seconds for one in edits]):.2f} s "
            "(median).",
            "",
        ]
    )


def main(edits: int, folder: Path) -> int:
    """Tamper, write the page, and return 1 when an edit was missed."""
    found = tamper(folder, edits)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(page(found, len(targets(folder))), encoding="utf-8")
    sys.stdout.write(RESULT.read_text(encoding="utf-8"))
    return 0 if all(one.is_caught and one.is_alone and one.is_named for one in found) else 1


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else EDITS
    if len(sys.argv) > 2:
        sys.exit(main(number, Path(sys.argv[2])))
    from tests.workflow.conftest import make_study

    with tempfile.TemporaryDirectory() as place:
        built = make_study(Path(place) / "a study")
        built.run()
        sys.exit(main(number, built.folder))
