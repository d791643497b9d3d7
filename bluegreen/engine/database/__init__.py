"""The database beside a release: rehearsals of its migration, and restores."""
