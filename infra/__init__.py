"""The Pulumi program of SportCoach: one stack per environment."""
