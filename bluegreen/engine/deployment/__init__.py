"""Who drives a deployment: open it, take it over from a process that died, or follow one that lives."""
