"""Scaling policies of a fleet as PutScalingPolicy takes them; pure."""

from __future__ import annotations

from typing import Any

from bluegreen.contract import (
    QUEUE_METRIC,
    BacklogScaling,
    Contract,
    CpuScaling,
    RequestScaling,
    TierContract,
    host_namespace,
)


def resource_label(load_balancer_arn: str, target_group_arn: str) -> str:
    """`app/<balancer>/<id>/targetgroup/<group>/<id>`: how ALBRequestCountPerTarget names its target group.

    Both parts are the ends of the ARNs (Auto Scaling PredefinedMetricSpecification.ResourceLabel).
    """
    balancer = load_balancer_arn.split(":loadbalancer/", 1)[-1]
    return f"{balancer}/{target_group_arn.rsplit(':', 1)[-1]}"


def policies_of(
    contract: Contract, tier: TierContract, group: str, target_group_arn: str
) -> tuple[dict[str, Any], ...]:
    """One target tracking policy for each entry of the contract (A4); AWS scales on the largest.

    EstimatedInstanceWarmup is left out: the group's DefaultInstanceWarmup holds for all.
    """
    return tuple(
        {
            "AutoScalingGroupName": group,
            "PolicyName": f"{group}-{policy.kind}",
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingConfiguration": _tracking(contract, policy, group, target_group_arn),
        }
        for policy in tier.scaling
    )


def _tracking(
    contract: Contract,
    policy: CpuScaling | RequestScaling | BacklogScaling,
    group: str,
    target_group_arn: str,
) -> dict[str, Any]:
    if isinstance(policy, CpuScaling):
        metric: dict[str, Any] = {"PredefinedMetricType": "ASGAverageCPUUtilization"}
        return {"PredefinedMetricSpecification": metric, "TargetValue": policy.target_percent}
    if isinstance(policy, RequestScaling):
        label = resource_label(contract.load_balancer_arn, target_group_arn)
        metric = {"PredefinedMetricType": "ALBRequestCountPerTarget", "ResourceLabel": label}
        return {"PredefinedMetricSpecification": metric, "TargetValue": policy.target_per_minute}
    metric = {
        "Namespace": host_namespace(contract.stack),
        "MetricName": QUEUE_METRIC,
        "Dimensions": [{"Name": "AutoScalingGroupName", "Value": group}],
        "Statistic": "Average",
    }
    return {"CustomizedMetricSpecification": metric, "TargetValue": policy.target_per_instance}
