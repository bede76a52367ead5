"""Draw the synthetic demonstration cohorts from the worlds declared beside this file.

    .venv/bin/python data/demo/make_demo.py

writes demo_clinic.csv and demo_null.csv: the first cohort (number 0) of each world, whatever it shows.
"""

from pathlib import Path

from kinechain.io import write_table
from kinechain.simulate import draw_frame, stream
from kinechain.truths import read_truth

HERE = Path(__file__).resolve().parent


def main(folder: Path = HERE) -> None:
    """Write both files into `folder`."""
    for name in ("demo_clinic", "demo_null"):
        truth = read_truth(HERE / f"{name}.yaml")
        write_table(draw_frame(truth, truth.n, stream(truth, 0)), folder / f"{name}.csv")


if __name__ == "__main__":
    main()
