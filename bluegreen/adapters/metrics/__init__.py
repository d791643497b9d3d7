"""Metric sources: counts of bad events per fleet and period."""
