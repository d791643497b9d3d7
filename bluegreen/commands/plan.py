"""`sc-deploy plan`: what a promotion would do."""

from __future__ import annotations

from bluegreen.commands import terminal, wiring
from bluegreen.commands.promoting import ModelOption, TiersOption, VersionArgument, tiers_of
from bluegreen.commands.settings import Reason, Settings, command_line, verb

__all__ = ["plan"]


@verb
def plan(
    settings: Settings,
    version: VersionArgument,
    tiers: TiersOption = "",
    model: ModelOption = "",
    reason: Reason = "",
) -> None:
    """Show what `promote VERSION` would do, and change nothing.

    The plan id names exactly this plan: `promote --plan-id` refuses to apply any other. From the traffic
    of the last hour it says, per ramp step, the smallest regression that can be seen and in what time.

    For example:
      sc-deploy plan v1.4.0 --stack prod
      sc-deploy plan v1.4.0 --stack prod --tiers ai --model v7
      sc-deploy plan v1.4.0 --stack prod --output json | jq .fingerprint
      sc-deploy plan v1.4.0 --stack prod --output json | jq -r '.warnings[]'
    """
    from bluegreen.ui.plan_view import plan_document, plan_view

    stack = wiring.open_stack(settings)
    made = stack.deployer.plan_promotion(version, tiers=tiers_of(tiers), model=model or None, reason=reason)
    options = {"tiers": tiers, "model": model, "reason": reason, "plan_id": made.fingerprint}
    line = command_line(settings, "promote", version, **options)
    seen = stack.deployer.outlook(made)
    shown = plan_view(made, command=line, outlook=seen)
    terminal.show(settings, plan_document(made, command=line, outlook=seen), shown)
