"""Draw the synthetic demonstration trials from the worlds declared beside this file.

    .venv/bin/python data/demo/make_demo_trial.py

writes demo_trial.csv (one row a visit) and demo_trial_exercise.csv (one row a person): the first trial (number 0) of
each world, whatever it shows.
"""

from pathlib import Path

from kinechain.io import write_table
from kinechain.simulate_trial import draw_trial_frame, trial_stream
from kinechain.truths import read_trial_truth

HERE = Path(__file__).resolve().parent


def main(folder: Path = HERE) -> None:
    """Write both files into `folder`."""
    for name, wide in (("demo_trial", False), ("demo_trial_exercise", True)):
        truth = read_trial_truth(HERE / f"{name}.yaml")
        write_table(draw_trial_frame(truth, trial_stream(truth, 0), wide=wide), folder / f"{name}.csv")


if __name__ == "__main__":
    main()
