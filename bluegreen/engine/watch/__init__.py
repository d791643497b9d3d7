"""Watching one ramp step: measure, ask the judge, journal, obey."""
