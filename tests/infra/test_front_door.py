"""Users come through our own CDN alone, tiers from inside, and both to the same rules."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from typing import Any

import pytest

from bluegreen.adapters.aws.elb.rule_documents import conditions
from bluegreen.contract import Contract
from tools.recording import SECRETS, STACKS, Recorded, Recording, evaluate, recorded, settings_of

ACL = "aws:wafv2/webAcl:WebAcl"
USER, NEIGHBOUR = "203.0.113.7", "10.255.0.1"
AI_LIMIT = 50 * 300
"""K4: 50 requests a second, in the five minutes that WAF counts."""


def holds(
    statement: dict[str, Any], sets: dict[str, list[str]], headers: dict[str, str], source: str
) -> bool:
    """What WAF says of a statement: a request with these headers, on a connection from `source`."""
    ((kind, one),) = [(key, value) for key, value in statement.items() if value]
    if kind == "notStatement":
        return not holds(one["statement"], sets, headers, source)
    if kind == "orStatement":
        return any(holds(inner, sets, headers, source) for inner in one["statements"])
    if kind == "ipSetReferenceStatement":
        assert "ipSetForwardedIpConfig" not in one  # the client writes X-Forwarded-For
        return any(ipaddress.ip_address(source) in ipaddress.ip_network(net) for net in sets[one["arn"]])
    assert (one["positionalConstraint"], one["textTransformations"][0]["type"]) == ("EXACTLY", "NONE")
    return bool(headers.get(one["fieldToMatch"]["singleHeader"]["name"]) == one["searchString"])


def blocked(stack: Recording, headers: dict[str, str], source: str, requests: int = 1) -> bool:
    """Whether the load balancer's firewall blocks the last of so many requests within five minutes."""
    sets = {r.outputs["arn"]: r.inputs["addresses"] for r in stack.of("aws:wafv2/ipSet:IpSet")}
    for rule in own_rules(stack.one(ACL, "origin-firewall")):
        statement, limit = rule["statement"], rule["statement"].get("rateBasedStatement")
        if limit:
            counted = holds(limit["scopeDownStatement"], sets, headers, source)
            matched = counted and requests > limit["limit"]
        else:
            matched = holds(statement, sets, headers, source)
        if matched and "block" in rule["action"]:
            return True
    return False


def own_rules(acl: Recorded) -> Iterator[dict[str, Any]]:
    """The rules that are not AWS's, in the order of evaluation."""
    rules = sorted(acl.inputs["rules"], key=lambda one: one["priority"])
    yield from (one for one in rules if "managedRuleGroupStatement" not in one["statement"])


def of_the_balancer(stack: Recording) -> tuple[Recorded, dict[str, Any]]:
    """The CDN, and its origin for everything but assets."""
    (cdn,) = stack.of("aws:cloudfront/distribution:Distribution")
    (origin,) = [one for one in cdn.inputs["origins"] if one["originId"] == "balancer"]
    return cdn, origin


def sent(origin: dict[str, Any]) -> dict[str, str]:
    return {header["name"]: header["value"] for header in origin["customHeaders"]}


@pytest.mark.parametrize("name", ["test", "prod"])
def test_behind_a_cdn_the_balancer_has_private_addresses_alone(name: str) -> None:
    """Nobody can pass by the CDN; what the world would have to guess is not there."""
    stack = recorded(name)
    (balancer,) = stack.of("aws:lb/loadBalancer:LoadBalancer")
    private = {r.id for r in stack.of("aws:ec2/subnet:Subnet") if "-private-" in r.name}
    assert balancer.inputs["internal"] is True
    assert set(balancer.inputs["subnets"]) == private
    (way_in,) = stack.of("aws:cloudfront/vpcOrigin:VpcOrigin")
    endpoint = way_in.inputs["vpcOriginEndpointConfig"]
    assert endpoint["arn"] == balancer.outputs["arn"]
    assert endpoint["originProtocolPolicy"] == "https-only"
    _, origin = of_the_balancer(stack)
    assert origin["vpcOriginConfig"]["vpcOriginId"] == way_in.id
    assert "customOriginConfig" not in origin
    # CloudFront reaches no VPC that has no internet gateway, although nothing passes through it.
    assert stack.of("aws:ec2/internetGateway:InternetGateway")


@pytest.mark.parametrize("name", STACKS)
def test_tiers_and_users_meet_the_same_listener(name: str) -> None:
    """One rule a tier, one weight: there is no second listener that a shift could forget."""
    stack = recorded(name)
    (balancer,) = stack.of("aws:lb/loadBalancer:LoadBalancer")
    listeners = [r for r in stack.of("aws:lb/listener:Listener") if r.inputs["protocol"] == "HTTPS"]
    assert [one.outputs["arn"] for one in listeners] == [stack.outputs["contract"]["listener_arn"]]
    # Nor does a rule ask who calls, or by which name.
    for tier in Contract.model_validate(stack.outputs["contract"]).tiers:
        asked = {condition["Field"] for condition in conditions(tier, token="preview-token")}
        assert asked == {"path-pattern", "http-header"}
    inside = stack.one("aws:ssm/parameter:Parameter", "configuration-internal-url").inputs["insecureValue"]
    host = inside.removeprefix("https://")
    aliases = {
        (r.inputs["name"], r.inputs["type"]): r.inputs["aliases"][0]["name"]
        for r in stack.of("aws:route53/record:Record")
        if "aliases" in r.inputs
    }
    assert aliases[host, "A"] == balancer.outputs["dnsName"]
    assert (host, "AAAA") not in aliases
    # By TLS both ask for a name that the balancer's certificate covers: the domain and one label below it.
    domain = settings_of(name)["domain"]
    assert host.partition(".")[2] == domain or host == domain
    if "edge" in settings_of(name):
        assert of_the_balancer(stack)[1]["domainName"] == host
        assert host != domain


@pytest.mark.parametrize("name", STACKS)
def test_tiers_may_ask_each_other_as_often_as_the_ai_can_answer(name: str) -> None:
    """Seen from the balancer all hosts of a tier have few addresses, and none of them is a client."""
    stack = recorded(name)
    if "edge" in settings_of(name):
        (vpc,) = stack.of("aws:ec2/vpc:Vpc")
        hosts = [next(ipaddress.ip_network(vpc.inputs["cidrBlock"]).hosts())]
    else:  # through the NAT gateways to the public addresses
        hosts = [r.outputs["publicIp"] for r in stack.of("aws:ec2/eip:Eip")]
        assert hosts
    for host in hosts:
        assert not blocked(stack, {}, str(host), requests=10 * AI_LIMIT)
        assert not blocked(stack, {"x-forwarded-for": USER}, str(host))


def test_a_site_without_a_cdn_limits_everybody_else() -> None:
    limit = settings_of("dev")["load_balancer"]["rate_limit"]
    for source in (USER, NEIGHBOUR):
        assert not blocked(recorded("dev"), {}, source, requests=limit)
        assert blocked(recorded("dev"), {}, source, requests=limit + 1)


@pytest.mark.parametrize("name", ["test", "prod"])
def test_no_other_distribution_may_use_the_origin(name: str) -> None:
    stack = recorded(name)
    cdn, origin = of_the_balancer(stack)
    acl = stack.one(ACL, "origin-firewall")
    assert sent(origin) == {"x-sportcoach-origin": SECRETS["originSecret"]}
    for source in (USER, NEIGHBOUR):
        assert not blocked(stack, sent(origin), source, requests=10 * AI_LIMIT)
        assert blocked(stack, {}, source)
        assert blocked(stack, {"x-sportcoach-origin": "guessed"}, source)
    # It is the first rule, so nothing else is asked of a stranger; both sides keep it secret.
    assert min(acl.inputs["rules"], key=lambda one: one["priority"])["name"] == "from-our-cdn"
    assert "rules" in acl.secrets
    assert "origins" in cdn.secrets


def test_the_secret_of_the_origin_is_changed_without_a_gap() -> None:
    """The balancer knows both values for as long as the CDN may send either."""
    new = "n" * 32
    secrets = {**SECRETS, "originSecret": f"{new},{SECRETS['originSecret']}"}
    stack = evaluate("test", settings_of("test"), secrets=secrets)
    assert not blocked(stack, {"x-sportcoach-origin": new}, USER)
    assert not blocked(stack, {"x-sportcoach-origin": SECRETS["originSecret"]}, USER)
    _, origin = of_the_balancer(stack)
    assert new in json.dumps(origin)
    assert SECRETS["originSecret"] not in json.dumps(origin)


@pytest.mark.parametrize("name", ["test", "prod"])
def test_many_users_may_share_an_address(name: str) -> None:
    """All of the AI's capacity, asked for from one office."""
    (rule,) = own_rules(recorded(name).one(ACL, "edge-firewall"))
    assert rule["statement"]["rateBasedStatement"]["limit"] >= AI_LIMIT
