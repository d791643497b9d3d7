"""What must be true before a release starts, and what `doctor` shows of it."""
