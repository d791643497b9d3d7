"""Layers of a stack, each built on those before: foundation, stores, front door, fleets, releases, watch."""
