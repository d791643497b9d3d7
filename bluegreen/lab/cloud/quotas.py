"""Service Quotas: what the account may run (GetServiceQuota)."""

from __future__ import annotations

from bluegreen.lab.cloud.errors import CloudError
from bluegreen.lab.cloud.world import Document, World, api


class ServiceQuotas:
    """The one quota that releases meet: vCPUs of On-Demand Standard instances."""

    def __init__(self, world: World) -> None:
        self._world = world

    @api
    def get_service_quota(self, params: Document) -> Document:
        asked = (params["ServiceCode"], params["QuotaCode"])
        if asked != ("ec2", "L-1216C47A"):
            raise CloudError("NoSuchResourceException", f"{'/'.join(asked)} is not modelled")
        return {"Quota": {"Value": float(self._world.settings.vcpu_quota), "QuotaCode": asked[1]}}
