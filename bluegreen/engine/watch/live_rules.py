"""Whether the rules still say what this run made them say: the live ones, and the preview rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bluegreen.domain.journal import PreviewMade, WeightsSet
from bluegreen.domain.plan import Step, StepKind
from bluegreen.domain.release import Color
from bluegreen.domain.stack import Rule
from bluegreen.engine.arms import expected_weights
from bluegreen.engine.run import Run
from bluegreen.errors import CloudUnavailable, Halted, LoggedOut, StepFailed
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


def keep_previews(run: Run, arms: Sequence[Arms], rules: Iterable[Rule]) -> None:
    """Make a preview rule again that somebody has deleted or changed, and say so.

    It leads no user anywhere, but without it the probes of green's key functions go wherever the live rule
    sends them, and green is judged by nothing.
    """
    led = {(rule.preview_token, arn) for rule in rules for arn in rule.weights if len(rule.weights) == 1}
    ended = {step.tier for step in run.done if step.kind is StepKind.DELETE_PREVIEW}
    for one in arms:
        made = run.find_result(PreviewMade, one.tier) is not None and one.tier not in ended
        if not made or (run.preview_token, one.green.arn) in led:
            continue
        step = Step(kind=StepKind.PREVIEW, tier=one.tier, fleet=Color.GREEN)
        try:
            run.ports.balancer.ensure_preview(
                run.tier(step), one.green.arn, run.preview_token, run.tags(step)
            )
        except LoggedOut:
            raise
        except CloudUnavailable:
            continue  # the next look tries again
        run.warn(
            f"{one.tier}: the preview rule was deleted or changed from outside; it was made again, and the "
            "probes of green since the look before may have been answered by blue"
        )


def _shares(weights: Mapping[str, int]) -> str:
    """Weights by the names of their target groups, as the console shows them."""
    return ", ".join(f"{weight} on {arn.split('/')[-2]}" for arn, weight in weights.items()) or "no weight"
