"""Evidence: claim × estimate × rule gives one of five verdicts, a tier, and the reasons.

A claim and its rule are in `claim`, the order of the verdict in `verdict`, what stops it in `gate`, the kinds of rule
in `rule`, and `judging` puts a cohort's results through all of them. Nothing is named here a second time: whoever
only prints a tier does not load what judges.
"""
