"""The emulated instances: their boot, their processes, their end."""
