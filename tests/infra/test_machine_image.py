"""The image of the hosts: what a boot would install, scanned, pinned; one that is gone is refused."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pytest

from infra.components.machine_image import component_document, version_of
from infra.documents.user_data import script
from tools.answers import DATA_SOURCES
from tools.recording import Recording, evaluate, recorded, settings_of

TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
KIND = "aws:imagebuilder/{}"
(BAKED,) = (DATA_SOURCES["aws:ec2/getAmiIds:getAmiIds"] or {})["ids"]


def builder(stack: Recording, kind: str) -> dict[str, Any]:
    (found,) = stack.of(KIND.format(kind))
    return dict(found.inputs)


def test_an_image_is_baked_every_month_and_scanned(prod: Recording) -> None:
    pipeline = builder(prod, "imagePipeline:ImagePipeline")
    assert pipeline["schedule"] == {"scheduleExpression": "cron(0 3 1 * ? *)", "timezone": "Asia/Tokyo"}
    assert pipeline["imageScanningConfiguration"] == {"imageScanningEnabled": True}


def test_it_holds_what_a_boot_would_install(prod: Recording) -> None:
    data = builder(prod, "component:Component")["data"]
    assert len(data) <= 16_000, "CreateComponent takes no more"
    build, look = json.loads(data)["phases"]
    (commands,) = build["steps"][0]["inputs"]["commands"]
    assert script("install.sh") in commands
    assert commands.splitlines()[-3:] == ["install_host", "pins_hold", "install_cloudwatch_agent"]
    assert "{{" not in commands, "Image Builder would take it for a parameter"
    assert look["name"] == "validate"


def test_other_content_is_another_version(prod: Recording) -> None:
    """Components and recipes never change: the same version with other content is refused."""
    data = component_document("ap-northeast-1")
    for kind in ("component:Component", "imageRecipe:ImageRecipe"):
        assert builder(prod, kind)["version"] == version_of(data)
    assert version_of(data.replace("prometheus=2.31", "prometheus=2.32")) != version_of(data)


def test_its_disk_fits_every_tier(prod: Recording) -> None:
    (device,) = builder(prod, "imageRecipe:ImageRecipe")["blockDeviceMappings"]
    sizes = [one.inputs["blockDeviceMappings"][0]["ebs"]["volumeSize"] for one in prod.of(TEMPLATE)]
    assert device["ebs"]["volumeSize"] < min(sizes)


def test_dev_bakes_none() -> None:
    assert recorded("dev").of(KIND.format("imagePipeline:ImagePipeline")) == []


def images(stack: Recording) -> set[str]:
    return {one.inputs["imageId"] for one in stack.of(TEMPLATE)}


def test_a_baked_image_is_pinned_in_every_template() -> None:
    settings = settings_of("test")
    settings["machine_image"]["ami"] = BAKED
    assert images(evaluate("test", settings)) == {BAKED}


def test_without_one_hosts_start_from_ubuntus_own(prod: Recording) -> None:
    assert images(prod) == {(DATA_SOURCES["aws:ssm/getParameter:getParameter"] or {})["insecureValue"]}


def test_an_image_that_is_gone_is_named_before_anything_is_registered() -> None:
    settings = settings_of("test")
    settings["machine_image"]["ami"] = "ami-00000000deadbeef0"
    left = Recording(stack="test")
    with pytest.raises(pulumi.RunError) as caught:
        evaluate("test", settings, into=left)
    _, fault = str(caught.value).splitlines()
    assert "machine_image.ami: ami-00000000deadbeef0 is not an image of this account" in fault
    assert "(allowed: one that `aws imagebuilder list-images" in fault
    assert left.aws == []
    asked = dict(left.asked)["aws:ec2/getAmiIds:getAmiIds"]
    assert asked["owners"] == ["self"]
    assert asked["filters"] == [{"name": "image-id", "values": ["ami-00000000deadbeef0"]}]
