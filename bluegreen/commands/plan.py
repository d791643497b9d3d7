"""`sc-deploy plan`: what a promotion would do."""

from __future__ import annotations

from bluegreen.commands import _connect, _terminal
from bluegreen.commands._options import Reason, Settings, command_line, verb
from bluegreen.commands._request import (
    AnyVersionOption,
    DespiteOption,
    ModelOption,
    TiersOption,
    VersionArgument,
    tiers_of,
)


@verb
def plan(
    settings: Settings,
    version: VersionArgument,
    tiers: TiersOption = "",
    model: ModelOption = "",
    reason: Reason = "",
    despite: DespiteOption = "",
    any_version: AnyVersionOption = False,
) -> None:
    """Show what `promote VERSION` would do, and change nothing.

    The plan id names exactly this plan: `promote --plan-id` refuses to apply any other. From the traffic
    of the last hour it says, for each ramp step, the smallest regression that can be detected, and how fast.

    For example:
      sc-deploy plan v1.4.0 --stack prod
      sc-deploy plan feature-login --stack prod --any-version
      sc-deploy plan v1.4.0 --stack prod --tiers ai --model v7
      sc-deploy plan v1.4.0 --stack prod --output json | jq .fingerprint
      sc-deploy plan v1.4.0 --stack prod --output json | jq -r '.warnings[]'
    """
    from bluegreen.engine.planning import promotion
    from bluegreen.engine.watch.forecast import release_forecast
    from bluegreen.ui.tables.plan import plan_document, plan_view

    chosen = tiers_of(tiers)
    stack = _connect.open_stack(settings)
    made = promotion(
        *stack.known,
        version=version,
        tiers=chosen,
        model=model or None,
        reason=reason,
        despite=despite,
        any_version=any_version,
    )
    options: dict[str, str | bool] = {"tiers": tiers, "model": model, "reason": reason, "despite": despite}
    options |= {"any_version": any_version, "plan_id": made.fingerprint}
    line = command_line(settings, "promote", version, **options)
    seen = release_forecast(made, *stack.known)
    shown = plan_view(made, command=line, forecast=seen)
    _terminal.show(settings, plan_document(made, command=line, forecast=seen), shown)
