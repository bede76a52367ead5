"""Trials: arms, visits, what treatment does, by which way, and whether it lasts."""

from kinechain.trials.analysis import TrialResults, analyse_trial, fit_record
from kinechain.trials.plan import TrialPlan, check_plan, parse_plan
from kinechain.trials.trial import check_time_order, check_trial, check_visits

__all__ = [
    "TrialPlan",
    "TrialResults",
    "analyse_trial",
    "check_plan",
    "check_time_order",
    "check_trial",
    "check_visits",
    "fit_record",
    "parse_plan",
]
