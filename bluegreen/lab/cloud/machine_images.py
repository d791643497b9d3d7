"""EC2 machine images: every image that a launch template names exists until somebody deregisters it."""

from __future__ import annotations

from bluegreen.lab.cloud.errors import CloudError
from bluegreen.lab.cloud.world import Document, api


class MachineImages:
    """DescribeImages and DeregisterImage; images are not made here."""

    def __init__(self) -> None:
        self._gone: set[str] = set()

    def require(self, image_id: str) -> None:
        """Raises what EC2 answers, to DescribeImages and to a launch, where the image is gone."""
        if image_id in self._gone:
            raise CloudError("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")

    @api
    def describe_images(self, params: Document) -> Document:
        ids = params.get("ImageIds") or ()
        for one in ids:
            self.require(one)
        return {"Images": [{"ImageId": one, "State": "available"} for one in ids]}

    @api
    def deregister_image(self, params: Document) -> Document:
        self._gone.add(params["ImageId"])
        return {"Return": True}
