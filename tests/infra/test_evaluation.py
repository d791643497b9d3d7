"""Every stack is evaluated as the engine would, and what it registers is well-formed."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tools import schema
from tools.recording import STACKS, Recording, recorded, settings_of, texts

PROVIDERS = {"main": "region", "backup-region": "backup_region", "us-east-1": None}


def test_inputs_fit_the_schema_of_the_sdk(stack: Recording) -> None:
    wrong = [
        f"{resource.name}: {problem}"
        for resource in stack.aws
        for problem in schema.problems(resource.type, resource.inputs)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({"vpcId": "vpc-1", "cidr": "10.0.0.0/24"}, "unknown key cidr"),
        ({"cidrBlock": "10.0.0.0/24"}, "vpcId is missing"),
        ({"vpcId": "vpc-1", "mapPublicIpOnLaunch": "yes"}, "bool is wanted"),
        ({"vpcId": "vpc-1", "tags": ["a"]}, "a map is wanted"),
        ({"vpcId": ["vpc-1"]}, "str is wanted"),
    ],
)
def test_the_schema_check_bites(inputs: dict[str, Any], problem: str) -> None:
    (found,) = schema.problems("aws:ec2/subnet:Subnet", inputs)
    assert problem in found


def test_the_schema_check_bites_in_nested_objects() -> None:
    action = {"type": "fixed-response", "fixedResponse": {"contentType": "text/html", "statuscode": "503"}}
    (found,) = schema.problems(
        "aws:lb/listener:Listener", {"loadBalancerArn": "arn", "port": 80, "defaultActions": [action]}
    )
    assert "defaultActions[0].fixedResponse: unknown key statuscode" in found


def test_ignored_changes_name_real_inputs(stack: Recording) -> None:
    wrong = [
        (resource.name, path)
        for resource in stack.aws
        for path in resource.ignore_changes
        if re.split(r"[.\[]", path)[0] not in schema.input_names(resource.type)
    ]
    assert wrong == []


def test_no_two_resources_share_a_urn(stack: Recording) -> None:
    assert stack.duplicates == []


def test_every_resource_names_its_provider(stack: Recording) -> None:
    nameless = [r.urn for r in stack.aws if r.type != "pulumi:providers:aws" and r.provider not in PROVIDERS]
    assert nameless == []
    assert [invoke for invoke in stack.invokes if invoke[1] not in PROVIDERS] == []
    assert stack.invokes


def test_providers_refuse_a_foreign_account_and_tag_everything(stack: Recording) -> None:
    settings = settings_of(stack.stack)
    found = {provider.name: provider.inputs for provider in stack.of("pulumi:providers:aws")}
    assert set(found) == set(PROVIDERS)
    for name, inputs in found.items():
        # The engine hands a provider's nested arguments over as JSON.
        assert settings["account_id"] in inputs["allowedAccountIds"]
        assert f'"stack": "{stack.stack}"' in inputs["defaultTags"]
        key = PROVIDERS[name]
        assert inputs["region"] == (settings[key] if key else "us-east-1")


def test_children_stand_under_components(stack: Recording) -> None:
    components = {r.urn: r.type for r in stack.resources if r.type.startswith("sportcoach:")}
    assert all(re.fullmatch(r"sportcoach:[a-z-]+:[A-Z]\w+", kind) for kind in components.values())
    orphans = [r.urn for r in stack.aws if r.type != "pulumi:providers:aws" and r.parent not in components]
    assert orphans == []


def test_no_output_was_formatted_as_text(stack: Recording) -> None:
    traces = ("Calling __str__", "<pulumi.output.Output", "Output object at", "04da6b54")
    wrong = [
        (resource.name, text[:80])
        for resource in stack.resources
        for text in texts(dict(resource.inputs))
        if any(trace in text for trace in traces)
    ]
    assert wrong == []
    assert not any(trace in text for text in texts(stack.outputs) for trace in traces)


@pytest.mark.parametrize("name", STACKS)
def test_a_preview_registers_what_an_update_does(name: str) -> None:
    """With every output unknown, as in the first `pulumi preview` of an empty account."""
    preview, update = recorded(name, preview=True), recorded(name)
    assert sorted(r.urn for r in preview.resources) == sorted(r.urn for r in update.resources)
    assert preview.duplicates == []
    unknown = [r for r in preview.aws if schema.UNKNOWN in texts(dict(r.inputs))]
    assert len(unknown) > 50  # the stack does depend on what AWS decides
    problems = [p for r in preview.aws for p in schema.problems(r.type, r.inputs)]
    assert problems == []


def test_outputs_are_what_a_person_wants(stack: Recording) -> None:
    expected = {
        "buckets", "contract", "contract_parameter", "dashboard_url", "database", "deploy_role_arn",
        "load_balancer", "name_servers", "operator_role_arn", "plan_role_arn", "prometheus_url",
        "restore_role_arn", "state_table", "url",
    }  # fmt: skip
    expected |= {"real_users"} if settings_of(stack.stack)["telemetry"]["real_user_share"] else set()
    assert set(stack.outputs) == expected
    assert stack.outputs["url"] == f"https://{settings_of(stack.stack)['domain']}"
    assert all(bucket.startswith("sportcoach-platform") for bucket in stack.outputs["buckets"].values())
    assert stack.outputs["dashboard_url"].endswith(f"/sportcoach-{stack.stack}")
