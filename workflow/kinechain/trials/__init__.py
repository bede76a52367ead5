"""Trials: arms, visits, what treatment does, by which way, and whether it lasts.

The analysis itself is imported from its own module: who only checks a plan need not wait for it.
"""

from kinechain.trials.plan import TrialPlan, check_plan, parse_plan
from kinechain.trials.trial import check_time_order, check_trial, check_visits

__all__ = [
    "TrialPlan",
    "check_plan",
    "check_time_order",
    "check_trial",
    "check_visits",
    "parse_plan",
]
