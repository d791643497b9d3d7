"""The verbs of the command line, one file each: a verb reads like a runbook."""
