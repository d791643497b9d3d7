"""Whether the machine image of a launch template version still exists."""

from __future__ import annotations

from bluegreen.adapters.aws.failures import Tolerated
from bluegreen.adapters.aws.session import Session


def machine_image(session: Session, launch_template_id: str, version: int) -> str:
    """The id of the image; empty where AWS itself resolves it (`resolve:ssm:`)."""
    answer = session.service("ec2").call(
        "describe_launch_template_versions",
        about=f"version {version} of launch template {launch_template_id}",
        LaunchTemplateId=launch_template_id,
        Versions=[str(version)],
    )
    data = answer["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    image = str(data.get("ImageId") or "")
    return image if image.startswith("ami-") else ""


def image_exists(session: Session, image_id: str) -> bool:
    """Whether instances can be launched from it: deregistered, failed and foreign images cannot."""
    with Tolerated("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"):
        found = session.service("ec2").call("describe_images", about=image_id, ImageIds=[image_id])["Images"]
        return any(one.get("State", "available") == "available" for one in found)
    return False
