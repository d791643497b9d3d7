"""Load balancers and listeners."""

from __future__ import annotations

import copy

from bluegreen.lab.cloud.clock import as_datetime
from bluegreen.lab.cloud.elb.actions import normal_actions
from bluegreen.lab.cloud.elb.state import Listener, LoadBalancer, Rule, State
from bluegreen.lab.cloud.errors import CloudError, validation
from bluegreen.lab.cloud.world import Document, World, api, page, tags_from


def checked_name(name: str, what: str) -> str:
    """AWS's rule for names: at most 32 letters, digits and hyphens, no hyphen at either end."""
    if len(name) > 32:
        raise validation(f"{what} name '{name}' cannot be longer than '32' characters")
    if not name.replace("-", "").isalnum() or not name.isascii() or name.strip("-") != name:
        raise validation(
            f"{what} name '{name}' can only contain characters that are alphanumeric or hyphens(-)"
        )
    return name


def _settings(balancer: LoadBalancer) -> tuple[object, ...]:
    """What a caller chooses when creating a load balancer."""
    return (
        balancer.scheme,
        balancer.vpc_id,
        sorted(balancer.subnets),
        sorted(balancer.security_groups),
    )


class Balancers:
    """CreateLoadBalancer, CreateListener and their siblings."""

    def __init__(self, world: World, state: State) -> None:
        self._world = world
        self._state = state

    @api
    def create_load_balancer(self, params: Document) -> Document:
        name = checked_name(params["Name"], "Load balancer")
        subnets = tuple(params.get("Subnets") or [m["SubnetId"] for m in params.get("SubnetMappings") or ()])
        balancer = LoadBalancer(
            arn=self._world.arn("elasticloadbalancing", f"loadbalancer/app/{name}/{self._world.hex_id(16)}"),
            name=name,
            scheme=params.get("Scheme", "internet-facing"),
            vpc_id=params.get("VpcId", "vpc-00000000"),
            subnets=subnets,
            security_groups=tuple(params.get("SecurityGroups") or ()),
            created=self._world.at,
        )
        standing = next((one for one in self._state.balancers.values() if one.name == name), None)
        if standing is not None:
            # CreateLoadBalancer is idempotent: "multiple load balancers with the same settings, each
            # call succeeds" (Elastic Load Balancing API reference).
            if _settings(standing) == _settings(balancer):
                return {"LoadBalancers": [self._document(standing)]}
            raise CloudError("DuplicateLoadBalancerName", f"A load balancer named '{name}' exists")
        self._state.tags[balancer.arn] = tags_from(params.get("Tags"))
        self._state.balancers[balancer.arn] = balancer
        return {"LoadBalancers": [self._document(balancer)]}

    @api
    def describe_load_balancers(self, params: Document) -> Document:
        found = list(self._state.balancers.values())
        if params.get("LoadBalancerArns"):
            found = [self._state.balancer(arn) for arn in params["LoadBalancerArns"]]
        if params.get("Names"):
            found = [one for one in found if one.name in params["Names"]]
            if len(found) < len(params["Names"]):
                raise CloudError("LoadBalancerNotFound", f"Load balancers '{params['Names']}' not found")
        shown, marker = page(found, size=params.get("PageSize") or 400, token=params.get("Marker"))
        answer: Document = {"LoadBalancers": [self._document(one) for one in shown]}
        return answer | ({"NextMarker": marker} if marker else {})

    @api
    def create_listener(self, params: Document) -> Document:
        balancer = self._state.balancer(params["LoadBalancerArn"])
        actions = normal_actions(
            self._state, balancer.arn, params["DefaultActions"], encrypted=params["Protocol"] == "HTTPS"
        )
        extra = {key: copy.deepcopy(params[key]) for key in ("Certificates", "SslPolicy") if params.get(key)}
        siblings = [one for one in self._state.listeners.values() if one.load_balancer == balancer.arn]
        standing = next((one for one in siblings if one.port == params["Port"]), None)
        if standing is not None:
            # Idempotent, as CreateLoadBalancer is.
            default = self._state.rules_of(standing.arn)[-1]
            if (standing.protocol, standing.extra, default.actions) == (params["Protocol"], extra, actions):
                return {"Listeners": [self._listener_document(standing)]}
            raise CloudError(
                "DuplicateListener", "A listener already exists on this port for this load balancer"
            )
        before = self._state.in_use()
        suffix = self._world.hex_id(16)
        listener = Listener(
            arn=f"{balancer.arn.replace(':loadbalancer/', ':listener/')}/{suffix}",
            load_balancer=balancer.arn,
            protocol=params["Protocol"],
            port=params["Port"],
            extra=extra,
        )
        self._state.tags[listener.arn] = tags_from(params.get("Tags"))
        self._state.listeners[listener.arn] = listener
        rule = f"{listener.arn.replace(':listener/', ':listener-rule/')}/{self._world.hex_id(16)}"
        self._state.rules[rule] = Rule(
            arn=rule, listener=listener.arn, priority=None, conditions=(), actions=actions
        )
        self._state.rules_changed(before)
        return {"Listeners": [self._listener_document(listener)]}

    @api
    def delete_listener(self, params: Document) -> Document:
        listener = self._state.listener(params["ListenerArn"])
        before = self._state.in_use()
        for rule in self._state.rules_of(listener.arn):
            del self._state.rules[rule.arn]
            self._state.tags.pop(rule.arn, None)
        del self._state.listeners[listener.arn]
        self._state.tags.pop(listener.arn, None)
        self._state.rules_changed(before)
        return {}

    @api
    def describe_listeners(self, params: Document) -> Document:
        if params.get("ListenerArns"):
            found = [self._state.listener(arn) for arn in params["ListenerArns"]]
        elif params.get("LoadBalancerArn"):
            balancer = self._state.balancer(params["LoadBalancerArn"])
            found = [one for one in self._state.listeners.values() if one.load_balancer == balancer.arn]
        else:
            raise validation("You must specify either listener ARNs or a load balancer ARN")
        shown, marker = page(found, size=params.get("PageSize") or 400, token=params.get("Marker"))
        answer: Document = {"Listeners": [self._listener_document(one) for one in shown]}
        return answer | ({"NextMarker": marker} if marker else {})

    def _document(self, one: LoadBalancer) -> Document:
        zones = [
            {"ZoneName": f"{self._world.settings.region}{'acd'[index % 3]}", "SubnetId": subnet}
            for index, subnet in enumerate(one.subnets)
        ]
        return {
            "LoadBalancerArn": one.arn,
            "DNSName": f"{one.name}-1.{self._world.settings.region}.elb.amazonaws.com",
            "CanonicalHostedZoneId": "Z14GRHDCWA56QT",
            "CreatedTime": as_datetime(one.created),
            "LoadBalancerName": one.name,
            "Scheme": one.scheme,
            "VpcId": one.vpc_id,
            "State": {"Code": "active"},
            "Type": "application",
            "AvailabilityZones": zones,
            "SecurityGroups": list(one.security_groups),
            "IpAddressType": "ipv4",
        }

    def _listener_document(self, one: Listener) -> Document:
        default = self._state.rules_of(one.arn)[-1]
        return {
            "ListenerArn": one.arn,
            "LoadBalancerArn": one.load_balancer,
            "Port": one.port,
            "Protocol": one.protocol,
            "DefaultActions": copy.deepcopy(list(default.actions)),
            **copy.deepcopy(one.extra),
        }
