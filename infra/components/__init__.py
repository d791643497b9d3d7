"""One component for each concern of a stack."""
