"""Compute the study again and compare it with what was committed; ends with 1 when something that matters differs."""

import sys
from pathlib import Path

from kinechain.cli import main
from kinechain.log import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        code = main(["verify", "--cores", str(snakemake.threads)])
    print(Path(snakemake.log[0]).read_text(encoding="utf-8"), end="")
    sys.exit(code)
