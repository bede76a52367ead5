"""Make the reference numbers again: each folder's seeded inputs, then its R script.

R packages: lavaan, jsonlite, MASS, lme4, nlme.

    python tests/golden/make.py            # every folder
    python tests/golden/make.py lavaan     # one of them
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def folders() -> list[Path]:
    """Folders with an R script of their own."""
    return sorted(path.parent for path in HERE.glob("*/make.R"))


def make(folder: Path, rscript: str) -> None:
    """Inputs by their seeded script, where there is one, then R."""
    for script in sorted(folder.glob("make_input*.py")):
        subprocess.run([sys.executable, script.name], cwd=folder, check=True)
    subprocess.run([rscript, "make.R"], cwd=folder, check=True)


def main() -> int:
    """Make the folders asked for."""
    names = [folder.name for folder in folders()]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "folder", nargs="*", choices=[*names, []], help=f"one of {', '.join(names)}; all when none is named"
    )
    wanted = parser.parse_args().folder or names
    rscript = shutil.which("Rscript")
    if rscript is None:
        print(
            "Rscript is not here: install r-base-core, r-cran-lavaan, r-cran-jsonlite and r-cran-lme4", file=sys.stderr
        )
        return 2
    for name in wanted:
        print(f"{name} ...", flush=True)
        make(HERE / name, rscript)
    return 0


if __name__ == "__main__":
    sys.exit(main())
