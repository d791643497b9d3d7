"""A bounded open-loop load generator for the lab."""

from bluegreen.lab.load.generator import Load
from bluegreen.lab.load.settings import Settings, Traffic
from bluegreen.lab.load.tally import Outcome, Report, Second

__all__ = ["Load", "Outcome", "Report", "Second", "Settings", "Traffic"]
