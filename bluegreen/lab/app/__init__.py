"""The application of the lab: one real HTTP process for each emulated instance."""
