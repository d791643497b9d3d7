"""Faults on purpose: of the AWS API (`api_faults`), and of a running lab by order (`breakage`)."""

from bluegreen.lab.faults.api_faults import Crashed, Effect, Fault, FaultPlan, When, error_of

__all__ = ["Crashed", "Effect", "Fault", "FaultPlan", "When", "error_of"]
