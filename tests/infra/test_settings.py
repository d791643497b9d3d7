"""Settings that cannot be used: every fault in one message, named, before anything is registered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, get_args

import pulumi
import pytest
import yaml
from pydantic import BaseModel

from infra.settings import SECRETS as SECRET_FORMS
from infra.settings import Settings, SettingsError, parse_settings
from tools.recording import REPOSITORY, SECRETS, STACKS, Recording, evaluate, settings_of

GONE = object()


def changed(settings: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """The settings with one key set, or taken out."""
    *above, key = path.split(".")
    section = settings
    for name in above:
        section = section[name]
    if value is GONE:
        del section[key]
    else:
        section[key] = value
    return settings


def fault_of(settings: dict[str, Any], secrets: dict[str, str] = SECRETS) -> str:
    """The one fault of prod's settings."""
    with pytest.raises(SettingsError) as caught:
        parse_settings("prod", settings, secrets)
    (fault,) = caught.value.faults
    return fault


@pytest.mark.parametrize("stack", STACKS)
def test_the_repositorys_settings_are_right(stack: str) -> None:
    assert parse_settings(stack, settings_of(stack), SECRETS).stack == stack


FAULTS: list[tuple[str, object, str, str]] = [
    # The faults that the requirements name.
    ("databse", {}, "databse: unknown key", "database"),
    ("network.cdir", "x", "network: cdir", "cidr"),
    ("tiers.ai.fleet.min", 1, "ai.fleet.min", "minimum"),
    ("network.cidr", "10.10.0.0/24", "network: cidr: /24", "/16 to /22"),
    ("network.cidr", "10.20.0.0/16", "10.20.0.0/16 overlaps", "reserved_cidrs"),
    ("network.cidr", "172.17.0.0/16", "overlaps 172.17.0.0/16", "Docker"),
    ("network.cidr", "10.10.0.1/16", "not an IPv4 network", "10.0.0.0/16"),
    ("database.storage_gb", 19, "storage_gb", "20"),
    ("database.replica_class", "db.t3.medium", "replica_class", "db.m5"),
    ("domain", GONE, "domain: missing", "sportcoach-platform.com"),
    ("alerts.emails", ["oncall"], "alerts: emails.0", "oncall@example.com"),
    # And others that would stop an update halfway.
    ("load_balancer", {"rate_limit": 20_000}, "edge, load_balancer", "exactly one"),
    ("edge.rate_limit", 14_999, "edge: rate_limit", "15000"),
    ("alerts.emails", [], "alerts: emails", "at least 1"),
    ("alerts.sms", ["0312345678"], "alerts: sms.0", "E.164"),
    ("alerts.sms", ["+81312345678"], "alerts: sms.0", "mobile number"),
    ("account_id", "123", "account_id", "12 digits"),
    ("backup_region", "ap-northeast-1", "backup_region", "outlive"),
    ("network.zones", ["ap-northeast-1a", "us-east-1b"], "zones: us-east-1b", "ap-northeast-1"),
    ("network.zones", ["ap-northeast-1a"] * 2, "twice", "zones"),
    ("delivery.replicate_to", "12", "delivery: replicate_to", "12 digits"),
    ("delivery.replicate_to", "111122223333", "delivery.replicate_to: 111122223333", "another account"),
    ("account_wide", False, "delivery.replicate_from", "account_wide: true"),
    ("network.nat_gateways", 3, "nat_gateways 3", "2 zones"),
    ("tiers.web.instance_type", "t4g.large", "web.instance_type", "x86"),
    ("tiers.web.fleet.minimum", 3, "web.fleet", "minimum 3"),
    ("tiers.ai.fleet.standby", 2, "ai.fleet", "no primary"),
    ("tiers.web.port", 3000, "port must differ", "3000"),
    ("tiers.web.port", 9090, "port 9090", "9100"),
    ("tiers.ai.rule_priority", 200, "rule_priority must differ", "200"),
    ("tiers.web.rule_priority", 150, "highest rule_priority", "/*"),
    ("tiers.ai.paths", ["/ai"], "end in /*", "/ai"),
    ("tiers.ai.image_repository", "ai", "ai.image_repository", "sportcoach-ai"),
    ("tiers.ai.image_repository", GONE, "tiers: ai.image_repository", "Field required"),
    ("tiers.ai.image_repository", "", "ai.image_repository", "sportcoach-ai"),
    ("database.engine_version", "14", "engine_version", "14.22"),
    ("database.max_storage_gb", 105, "max_storage_gb 105", "110"),
    ("telemetry.log_days", 100, "telemetry: log_days", "90, 120"),
    ("telemetry.opensearch.nodes", 3, "opensearch.nodes: 3", "2 zones"),
    ("application.parameters.A", "1\nB=2", "parameters.A", "one line"),
    ("application.parameters.DATABASE_HOST", "elsewhere", "parameters.DATABASE_HOST", "another name"),
    ("application.parameters.SPORTCOACH_MODEL", "m9", "parameters.SPORTCOACH_MODEL", "another name"),
    ("application.parameters.PORT", "80", "parameters.PORT", "another name"),
    ("application.parameters.log-level", "1", "log-level", "LOG_LEVEL"),
    ("backup.monthly_days", 30, "monthly_days 30", "35"),
    ("storage.training_data_days", 90, "storage.training_data_days: 90", "greater than 90"),
    ("tiers.ai.health_check", {"interval_seconds": 5}, "ai.health_check.interval_seconds: 5",
     "greater than timeout_seconds 5"),
    ("tiers.web.boot_budget_seconds", 599, "web.boot_budget_seconds", "600"),
    ("tiers.web.warmup_seconds", 600, "web.boot_budget_seconds: 600", "greater than warmup_seconds 600"),
    ("tiers.web.health_check", {"interval_seconds": 300, "healthy_threshold": 2},
     "boot_budget_seconds: 600", "greater than 600"),
    ("machine_image", {"bakes": True}, "machine_image: bakes", "bake"),
    ("machine_image", {"ami": "ubuntu"}, "machine_image: ami", "ami-0123456789abcdef0"),
    ("edge.cors_origins", ["https://*"], "edge: cors_origins.0", "https"),
]  # fmt: skip


def test_a_cdn_needs_a_region_where_it_reaches_private_addresses() -> None:
    settings = settings_of("prod") | {"region": "mx-central-1"}
    settings["network"] = settings["network"] | {"zones": ["mx-central-1a", "mx-central-1b"]}
    fault = fault_of(settings)
    assert "edge: CloudFront has no VPC origins in mx-central-1; set load_balancer instead" in fault
    assert "ap-northeast-1" in fault


@pytest.mark.parametrize(("path", "value", "key", "allowed"), FAULTS)
def test_a_fault_names_its_key_and_what_is_allowed(path: str, value: object, key: str, allowed: str) -> None:
    fault = fault_of(changed(settings_of("prod"), path, value))
    assert fault.startswith("sportcoach:settings: ")
    assert key in fault
    assert allowed in fault


def sections(value: Any, path: str = "") -> Iterator[str]:
    """Paths of every object in the settings."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    elif isinstance(value, Mapping):
        yield path
    for key, one in value.items() if isinstance(value, Mapping) else ():
        yield from sections(one, f"{path}.{key}" if path else str(key))


def test_an_unknown_switch_is_refused_in_every_section() -> None:
    """One that is misspelt would otherwise be off, and nobody would know."""
    places = list(sections(settings_of("prod")))
    assert len(places) > 20
    for place in places:
        settings: Any = settings_of("prod")
        section = settings
        for part in filter(None, place.split(".")):
            section = section[int(part) if isinstance(section, list) else part]
        section["swich"] = True
        assert "swich" in fault_of(settings), place


def models(annotation: object) -> Iterator[type[BaseModel]]:
    """Every section that settings can have, whether or not a stack file has it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models(field.annotation)
    for inner in get_args(annotation):
        yield from models(inner)


def test_no_section_takes_keys_that_it_does_not_know() -> None:
    known = set(models(Settings))
    assert len(known) > 20
    assert [one.__name__ for one in known if one.model_config.get("extra") != "forbid"] == []


def test_all_faults_come_at_once_and_nothing_is_registered() -> None:
    settings = settings_of("prod")
    for path, value, _, _ in FAULTS[:2]:
        changed(settings, path, value)
    settings["database"] |= {"storage_gb": 1, "replica_class": "db.t3.small"}
    settings["alerts"]["emails"] = ["oncall", "@"]
    del settings["domain"]
    left = Recording(stack="prod")
    with pytest.raises(pulumi.RunError) as caught:
        evaluate("prod", settings, secrets={}, into=left)
    text = str(caught.value)
    assert text.startswith("Pulumi.prod.yaml is invalid; nothing was changed:\n  - ")
    wanted = (
        "databse", "cdir", "storage_gb", "replica_class", "emails.0", "emails.1", "domain: missing",
        "databasePassword is missing", "cacheAuthToken is missing", "newRelicLicenseKey is missing",
    )  # fmt: skip
    assert all(word in text for word in wanted)
    assert (left.resources, left.invokes) == ([], [])


@pytest.mark.parametrize("document", [None, [], "prod"])
def test_settings_must_be_an_object(document: object) -> None:
    with pytest.raises(SettingsError, match="must be an object"):
        parse_settings("prod", document, SECRETS)


@pytest.mark.parametrize("name", sorted(SECRET_FORMS))
def test_a_missing_secret_names_the_command_that_sets_it(name: str) -> None:
    fault = fault_of(settings_of("prod"), {key: value for key, value in SECRETS.items() if key != name})
    assert f"pulumi config set --secret {name}" in fault


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("databasePassword", 'pass"word'),
        ("cacheAuthToken", "short"),
        ("pagerDutyEndpoint", "http://x"),
        ("originSecret", "too-short"),
        ("newRelicLicenseKey", "k"),
    ],
)
def test_a_secret_of_the_wrong_form_is_not_shown(name: str, value: str) -> None:
    fault = fault_of(settings_of("prod"), {**SECRETS, name: value})
    assert f"sportcoach:{name} has an invalid format" in fault
    assert value not in fault.replace(f"sportcoach:{name}", "").replace(SECRET_FORMS[name][1], "")


def test_the_application_may_not_have_the_owners_password() -> None:
    same = {**SECRETS, "databaseAppPassword": SECRETS["databasePassword"]}
    fault = fault_of(settings_of("prod"), same)
    assert "must differ" in fault
    assert SECRETS["databasePassword"] not in fault


def test_a_secret_without_a_value_is_missing() -> None:
    left = Recording(stack="dev")
    with pytest.raises(pulumi.RunError, match="sportcoach:databasePassword is missing"):
        evaluate("dev", settings_of("dev"), secrets={**SECRETS, "databasePassword": ""}, into=left)
    assert left.resources == []


def test_secrets_that_no_switch_asks_for_may_be_missing() -> None:
    needed = {name: SECRETS[name] for name in ("databasePassword", "databaseAppPassword")}
    assert parse_settings("dev", settings_of("dev"), needed).cache is None


def test_a_secret_in_plain_text_is_refused_before_anything_is_registered() -> None:
    left = Recording(stack="dev")
    with pytest.raises(pulumi.RunError, match="databasePassword is stored as plain text") as caught:
        evaluate("dev", settings_of("dev"), plain=frozenset({"databasePassword"}), into=left)
    assert SECRETS["databasePassword"] not in str(caught.value)
    assert left.resources == []


def test_an_unknown_key_beside_the_settings_is_refused() -> None:
    """The engine accepts any key of the project: a misspelt secret would be ignored."""
    left = Recording(stack="dev")
    with pytest.raises(pulumi.RunError, match="sportcoach:databasePasword: unknown key") as caught:
        evaluate("dev", settings_of("dev"), secrets={**SECRETS, "databasePasword": "x"}, into=left)
    assert "sportcoach:databasePassword" in str(caught.value)
    assert left.resources == []


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_evaluates_with_the_secrets_that_its_switches_ask_for(stack: str) -> None:
    needed = {
        "dev": {"databasePassword", "databaseAppPassword"},
        "test": {"databasePassword", "databaseAppPassword", "cacheAuthToken", "originSecret"},
    }
    names = needed.get(stack, set(SECRETS))
    secrets = {name: SECRETS[name] for name in names}
    assert evaluate(stack, settings_of(stack), secrets=secrets).outputs["contract"]


def config_of(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((REPOSITORY / name).read_text(encoding="utf-8"))["config"])


def test_no_key_of_the_project_is_secret_and_has_a_default() -> None:
    """Pulumi reads a default as plain text and refuses that for a secret key, before the program runs."""
    keys = config_of("Pulumi.yaml")
    assert [name for name, key in keys.items() if key.get("secret") and "default" in key] == []


@pytest.mark.parametrize("stack", STACKS)
def test_every_stack_file_gives_each_key_without_a_default(stack: str) -> None:
    """Pulumi refuses a stack that lacks one, whether or not its switches need it."""
    given = config_of(f"Pulumi.{stack}.yaml")
    required = {name for name, key in config_of("Pulumi.yaml").items() if "default" not in key}
    assert {f"sportcoach:{name}" for name in required} <= set(given)
    assert set(given) == {"pulumi:disable-default-providers", "sportcoach:settings"}
    assert given["pulumi:disable-default-providers"] == ["aws"]


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_file_is_written_as_the_engine_writes_it(stack: str) -> None:
    """`pulumi config set` writes the whole file: what it would form anew hides the change in the diff."""
    text = (REPOSITORY / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8")
    events = list(yaml.parse(text))
    starts = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
    ends = (yaml.MappingEndEvent, yaml.SequenceEndEvent)
    inline = [
        one.start_mark.line + 1
        for one, following in pairwise(events)
        if isinstance(one, starts) and one.flow_style and not isinstance(following, ends)
    ]
    assert inline == []


def test_the_project_file_leads_to_the_program() -> None:
    project = yaml.safe_load((REPOSITORY / "Pulumi.yaml").read_text(encoding="utf-8"))
    assert (project["name"], project["main"]) == ("sportcoach", "infra/")
