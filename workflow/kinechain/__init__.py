"""kinechain: from a cohort file to an honest verdict on every claim of a kinetic chain."""

import os

__version__ = "0.1.0"

# One BLAS thread a process, unless the caller says otherwise: parallelism comes from processes, sums keep their order,
# and small matrices do not wait for threads. It must be said before numpy is first imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
