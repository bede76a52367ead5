"""Join the pages of the speed benchmarks to one: benchmarks/results/{draws,engine,readers}.md -> benchmarks/RESULTS.md.

    python benchmarks/collect.py

Every page says itself when and under what load it was measured; one that is not there is named as not measured.
"""

from __future__ import annotations

from pathlib import Path

from kinechain.io import write_text

FOLDER = Path(__file__).resolve().parent
PAGES = ("draws", "engine", "readers")
HEAD = """# Benchmarks

`make bench` measures and writes this page; nothing here is written by hand. Read the ratios: both sides of each ran on
one machine, in turn where they could. Seconds are those of that machine on that day.
"""


def collect(folder: Path) -> str:
    """The pages of a folder under one head, each a section of it."""
    sections = [HEAD]
    for name in PAGES:
        page = folder / f"{name}.md"
        if page.exists():
            lines = page.read_text(encoding="utf-8").strip().splitlines()
            sections.append("\n".join(f"#{line}" if line.startswith("#") else line for line in lines) + "\n")
        else:
            sections.append(f"## {name.capitalize()}\n\nNot measured yet: `make bench-{name}`.\n")
    return "\n".join(sections)


if __name__ == "__main__":
    write_text(collect(FOLDER / "results"), FOLDER / "RESULTS.md")
