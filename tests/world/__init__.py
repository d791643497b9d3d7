"""The simulated stack, and what several test modules do with it."""

from tools.world import COARSE, LATENCY, POLICY, REGION, RoutedProber, World, in_turn, shared

__all__ = ["COARSE", "LATENCY", "POLICY", "REGION", "RoutedProber", "World", "in_turn", "shared"]
