"""A stack in layers: foundation, stores, front door, fleets, releases, watch; each built on those before."""
