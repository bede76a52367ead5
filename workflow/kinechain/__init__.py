"""kinechain: from a cohort file to an honest verdict on every claim of a kinetic chain."""

__version__ = "0.1.0"
