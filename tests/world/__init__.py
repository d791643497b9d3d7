"""The simulated stack, and what several test modules do with it."""

from tools.world import LATENCY, POLICY, REGION, RoutedProber, World, in_turn, shared

__all__ = ["LATENCY", "POLICY", "REGION", "RoutedProber", "World", "in_turn", "shared"]
