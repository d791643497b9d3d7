"""Lifecycle hooks: an instance waits at its launch or its end until somebody says how to continue.

Rules of the user guide ("Amazon EC2 Auto Scaling lifecycle hooks"): an instance that is launched waits in
`Pending:Wait` and is registered with its target groups only afterwards; the health check grace period
begins with InService. The heartbeat timeout is 30 to 7,200 s. At its end, or without an answer, the hook's
default result holds. ABANDON at a launch terminates the instance and another one is launched; at a
termination both results end in the termination.
"""

from __future__ import annotations

from collections.abc import Iterable

from bluegreen.lab.cloud.asg.state import Action, Group, Hook, Member, State
from bluegreen.lab.cloud.errors import validation
from bluegreen.lab.cloud.world import Document, World, api

_LAUNCHING, _TERMINATING = "autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"
_ABANDONED = "Lifecycle Action Completed with ABANDON Result"
_RESULTS = ("CONTINUE", "ABANDON")


def hooks_from(specifications: Iterable[Document]) -> dict[str, Hook]:
    """LifecycleHookSpecificationList of CreateAutoScalingGroup."""
    return {one["LifecycleHookName"]: _hook(one, None) for one in specifications}


def _hook(params: Document, known: Hook | None) -> Hook:
    """The hook that PutLifecycleHook makes or changes; raises ValidationError."""
    transition = params.get("LifecycleTransition")
    if transition not in (_LAUNCHING, _TERMINATING) and not (transition is None and known):
        raise validation(f"Lifecycle Transition {transition} is not valid")
    old = known or Hook(name=params["LifecycleHookName"], launching=transition == _LAUNCHING)
    hook = Hook(
        name=old.name,
        launching=old.launching if transition is None else transition == _LAUNCHING,
        heartbeat_seconds=params.get("HeartbeatTimeout", old.heartbeat_seconds),
        default_result=params.get("DefaultResult", old.default_result),
    )
    if not 30 <= hook.heartbeat_seconds <= 7200:
        raise validation("Heartbeat timeout must be between 30 and 7200 seconds")
    if hook.default_result not in _RESULTS:
        raise validation(f"Default result {hook.default_result} is not valid")
    return hook


class Hooks:
    """PutLifecycleHook and its siblings, and the waits themselves."""

    def __init__(self, world: World, state: State) -> None:
        self._world = world
        self._state = state

    def begin(self, group: Group, member: Member, *, launching: bool) -> bool:
        """Let `member` wait in every hook of the transition; False where there is none."""
        hooks = [one for one in group.hooks.values() if one.launching is launching]
        now = self._world.at
        member.actions = {
            hook.name: Action(
                hook=hook.name,
                token=f"{self._world.hex_id(8)}-{self._world.hex_id(12)}",
                default_result=hook.default_result,
                ends_at=now + hook.heartbeat_seconds,
            )
            for hook in hooks
        }
        return bool(hooks)

    def ended(self, member: Member) -> bool:
        """Whether `member` waits no more; the default result holds for what timed out."""
        for action in member.actions.values():
            if not action.result and action.ends_at <= self._world.at:
                action.result, action.timed_out = action.default_result, True
        results = [action.result for action in member.actions.values()]
        return all(results) or "ABANDON" in results

    def abandoned(self, member: Member) -> str:
        """Why the launch of `member` is abandoned, in AWS's words; empty where it is not."""
        for action in member.actions.values():
            if action.result == "ABANDON":
                cause = "Heartbeat Timeout" if action.timed_out else _ABANDONED
                return (
                    "Instance failed to complete user's Lifecycle Action: Lifecycle Action with token "
                    f"{action.token} was abandoned: {cause}"
                )
        return ""

    def host_ready(self, instance_id: str) -> None:
        """What the user data of a host calls once it serves: CompleteLifecycleAction with CONTINUE."""
        for group in self._state.groups.values():
            if instance_id in group.members:
                for action in group.members[instance_id].actions.values():
                    action.result = action.result or "CONTINUE"

    @api
    def put_lifecycle_hook(self, params: Document) -> Document:
        group = self._state.group(params["AutoScalingGroupName"])
        name = params["LifecycleHookName"]
        group.hooks[name] = _hook(params, group.hooks.get(name))
        return {}

    @api
    def complete_lifecycle_action(self, params: Document) -> Document:
        result = params["LifecycleActionResult"]
        if result not in _RESULTS:
            raise validation(f"Lifecycle Action Result {result} is not valid")
        self._waiting(params).result = result
        return {}

    def _waiting(self, params: Document) -> Action:
        """The action by token or instance; raises what AWS answers where nothing waits."""
        group = self._state.group(params["AutoScalingGroupName"])
        hook, token, instance = (
            params.get(key) for key in ("LifecycleHookName", "LifecycleActionToken", "InstanceId")
        )
        if hook not in group.hooks:
            raise validation(f"No Lifecycle Hook found with name {hook}")
        for name, member in group.members.items():
            action = member.actions.get(str(hook))
            if action and not action.result and (token == action.token or (not token and instance == name)):
                return action
        what = f"token {token}" if token else f"instance ID {instance}"
        raise validation(f"No active Lifecycle Action found with {what}")
