"""Whether the live rules still say what this run made them say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bluegreen.domain.journal import WeightsSet
from bluegreen.domain.stack import Rule
from bluegreen.engine.arms import expected_weights
from bluegreen.engine.run import Run
from bluegreen.errors import Halted, StepFailed
from bluegreen.ports import Arms


def compare(run: Run, arms: Sequence[Arms], percent: int, rules: Iterable[Rule]) -> None:
    """Nobody else may have moved the weights; the watchdog may. Raises StepFailed or Halted."""
    found = {rule.arn: rule for rule in rules}
    for one in arms:
        plan = run.plan.tier(one.tier)
        arn = run.result(WeightsSet, one.tier).rule_arn
        wanted = {a: w for a, w in expected_weights(plan, one.green.arn, percent).items() if w}
        rule = found.get(arn)
        now = {a: w for a, w in rule.weights.items() if w} if rule else {}
        if now == wanted:
            continue
        if one.blue and list(now) == [one.blue.arn]:
            raise StepFailed(f"{one.tier}: all traffic was put back to blue from outside this run")
        raise Halted(
            f"{one.tier}: the live rule was changed by someone else (now "
            f"{_shares(now) if rule else 'gone'}; expected {_shares(wanted)}); nothing was overwritten",
            next_step="find out who did it, then `sc-deploy resume` or `sc-deploy abort`",
        )


def _shares(weights: Mapping[str, int]) -> str:
    """Weights by the names of their target groups, as the console shows them."""
    return ", ".join(f"{weight} on {arn.split('/')[-2]}" for arn, weight in weights.items()) or "no weight"
