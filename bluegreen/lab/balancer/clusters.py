"""Target groups as Envoy's clusters: a pure function of the snapshot."""

from __future__ import annotations

import hashlib
from typing import Any

from bluegreen.lab.balancer.snapshot import Group, HealthCheck, Target
from bluegreen.lab.balancer.timing import Timing

Document = dict[str, Any]

_MANY = 1_000_000
"""Envoy's circuit breakers are not for us: an Application Load Balancer has none."""
_POLICIES = {"least_outstanding_requests": "LEAST_REQUEST", "weighted_random": "RANDOM"}


def eds_name(arn: str) -> str:
    """The file that holds the endpoints of a group."""
    return f"eds-{hashlib.blake2b(arn.encode(), digest_size=8).hexdigest()}.json"


def cluster(arn: str, group: Group, directory: str, timing: Timing) -> Document:
    """`group` without its targets: these are in a file of their own in `directory`."""
    http = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {
        "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
        "name": arn,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": source(directory, eds_name(arn))},
        "connect_timeout": f"{timing.connect:.3f}s",
        "lb_policy": _POLICIES.get(group.algorithm, "ROUND_ROBIN"),
        # 1 % of fewer than 100 targets: only where none is healthy all of them are asked (ALB fails open).
        # Envoy would also gather changes of health for a second before it obeys them.
        "common_lb_config": {"healthy_panic_threshold": {"value": 1}, "update_merge_window": "0s"},
        "ignore_health_on_host_removal": True,
        "health_checks": [_health_check(group.health_check, timing.time_scale)],
        "circuit_breakers": {
            "thresholds": [{"max_connections": _MANY, "max_pending_requests": _MANY, "max_requests": _MANY}]
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": http,
                "common_http_protocol_options": {"idle_timeout": f"{timing.idle:.3f}s"},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
    }


def _health_check(check: HealthCheck, time_scale: float) -> Document:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html"""
    interval = f"{check.interval / time_scale:.3f}s"
    sink = "type.googleapis.com/envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink"
    return {
        "timeout": f"{check.timeout / time_scale:.3f}s",
        "interval": interval,
        # Envoy checks what has no traffic once a minute unless told otherwise.
        "no_traffic_interval": interval,
        "no_traffic_healthy_interval": interval,
        "healthy_threshold": check.healthy,
        "unhealthy_threshold": check.unhealthy,
        "reuse_connection": False,
        "always_log_health_check_failures": True,
        "event_logger": [
            {
                "name": "file",
                "typed_config": {"@type": sink, "event_log_path": "/dev/stdout"},
            }
        ],
        "http_health_check": {
            "path": check.path,
            "expected_statuses": [{"start": first, "end": last + 1} for first, last in check.matcher],
            # Without it one wrong status would be enough, whatever the threshold says.
            "retriable_statuses": [{"start": 100, "end": 600}],
            "request_headers_to_add": [
                {
                    "header": {"key": "user-agent", "value": "ELB-HealthChecker/2.0"},
                    "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
                }
            ],
        },
    }


def endpoints(arn: str, group: Group) -> Document:
    """The targets that may be asked; one that drains finishes what it has begun and gets nothing new."""
    found = [_endpoint(one) for one in group.targets if not one.draining]
    return {
        "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": arn,
        "endpoints": [{"lb_endpoints": found}] if found else [],
    }


def _endpoint(target: Target) -> Document:
    return {"endpoint": {"address": _address(target)}}


def _address(target: Target) -> Document:
    if target.address is None:
        return {"pipe": {"path": target.listens_at}}
    host, port = target.address
    return {"socket_address": {"address": host, "port_value": port}}


def source(directory: str, name: str) -> Document:
    """A file that Envoy reads again whenever another one is moved into its place."""
    return {
        "path_config_source": {"path": f"{directory}/{name}"},
        "resource_api_version": "V3",
        "initial_fetch_timeout": "0s",
    }
