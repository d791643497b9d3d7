"""What the data plane sees of ELBv2: the rules after their propagation, groups, targets."""

from __future__ import annotations

from bluegreen.lab.cloud.elb.actions import CONDITION_CONFIGS
from bluegreen.lab.cloud.elb.state import Health, Rule, State, Target, TargetGroup
from bluegreen.lab.cloud.instances import Instances
from bluegreen.lab.cloud.world import Document


def snapshot(state: State, instances: Instances, *, stretch: int = 1) -> Document:
    """The document a data plane polls; `version` changes whenever anything else does.

    Targets on a busy machine are asked `stretch` times less often and may answer so much later.
    """
    used = state.in_use()
    listeners = list(state.listeners.values())
    return {
        "version": state.revision,
        "listener": {"port": listeners[0].port if listeners else None},
        "rules": [_rule(rule) for rule in state.visible_rules],
        "groups": {
            arn: _group(group, instances, in_use=arn in used, stretch=stretch)
            for arn, group in state.groups.items()
        },
    }


def _rule(rule: Rule) -> Document:
    return {
        "arn": rule.arn,
        "priority": "default" if rule.priority is None else rule.priority,
        "conditions": [_condition(one) for one in rule.conditions],
        "action": _action(rule.actions[-1]),
    }


def _condition(condition: Document) -> Document:
    config = condition[CONDITION_CONFIGS[condition["Field"]]]
    seen = {"field": condition["Field"], "values": list(config["Values"])}
    return seen | ({"name": config["HttpHeaderName"]} if "HttpHeaderName" in config else {})


def _action(action: Document) -> Document:
    if action["Type"] == "forward":
        config = action["ForwardConfig"]
        sticky = config["TargetGroupStickinessConfig"]
        return {
            "type": "forward",
            "groups": [
                {"arn": one["TargetGroupArn"], "weight": one["Weight"]} for one in config["TargetGroups"]
            ],
            "stickiness_seconds": sticky["DurationSeconds"] if sticky.get("Enabled") else None,
        }
    if action["Type"] == "fixed-response":
        config = action.get("FixedResponseConfig") or {}
        return {
            "type": "fixed-response",
            "status": int(config.get("StatusCode", "503")),
            "content_type": config.get("ContentType", "text/plain"),
            "body": config.get("MessageBody", ""),
        }
    return {"type": action["Type"], "config": action.get("RedirectConfig", {})}


def _group(group: TargetGroup, instances: Instances, *, in_use: bool, stretch: int) -> Document:
    settings = group.settings
    return {
        "name": group.name,
        "protocol": settings["Protocol"],
        "health_check": {
            "path": settings["HealthCheckPath"],
            "interval": settings["HealthCheckIntervalSeconds"] * stretch,
            "timeout": settings["HealthCheckTimeoutSeconds"] * stretch,
            "healthy": settings["HealthyThresholdCount"],
            "unhealthy": settings["UnhealthyThresholdCount"],
            "matcher": settings["Matcher"].get("HttpCode", "200"),
        },
        "algorithm": group.attributes["load_balancing.algorithm.type"],
        "in_use": in_use,
        "targets": [_target(one, instances) for one in group.targets.values()],
    }


def _target(target: Target, instances: Instances) -> Document:
    state = "active"
    if target.draining_until is not None:
        state = "draining"
    elif target.health is Health.INITIAL:
        state = "initial"
    instance = instances.all.get(target.id)
    address = instance.address if instance is not None else (target.id, target.port)
    return {
        "id": target.id,
        "port": target.port,
        "state": state,
        "address": list(address) if address else None,
    }
