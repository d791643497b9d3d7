"""EC2 launch templates, their versions and defaults."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

from bluegreen.lab.cloud.clock import as_datetime
from bluegreen.lab.cloud.errors import CloudError
from bluegreen.lab.cloud.world import Document, World, api, page, tags_from, tags_to


@dataclass(slots=True, kw_only=True)
class LaunchTemplate:
    """A launch template with the data of each of its versions."""

    id: str
    name: str
    created: float
    versions: dict[int, Document]
    default: int = 1
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def latest(self) -> int:
        return max(self.versions)


def _not_found(what: str) -> CloudError:
    return CloudError(
        "InvalidLaunchTemplateId.NotFound", f"The specified launch template, {what}, does not exist"
    )


class LaunchTemplates:
    """CreateLaunchTemplate and its siblings."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._templates: dict[str, LaunchTemplate] = {}

    def find(self, template_id: str | None, name: str | None = None) -> LaunchTemplate:
        for template in self._templates.values():
            if template.id == template_id or (template_id is None and template.name == name):
                return template
        if template_id is None:
            raise CloudError(
                "InvalidLaunchTemplateName.NotFoundException",
                f"The specified launch template, with template name {name}, does not exist.",
            )
        raise _not_found(f"with template ID {template_id}")

    def version_number(self, template: LaunchTemplate, version: str | None) -> int:
        if version in (None, "", "$Default"):
            return template.default
        if version == "$Latest":
            return template.latest
        if version and version.isdigit() and int(version) in template.versions:
            return int(version)
        raise CloudError(
            "InvalidLaunchTemplateId.VersionNotFound",
            f"Could not find the specified version {version} for the launch template with ID {template.id}.",
        )

    @api
    def create_launch_template(self, params: Document) -> Document:
        name = params["LaunchTemplateName"]
        if any(template.name == name for template in self._templates.values()):
            raise CloudError(
                "InvalidLaunchTemplateName.AlreadyExistsException",
                f"Launch template name already in use: {name}",
            )
        specifications = params.get("TagSpecifications") or ()
        tags = [tag for spec in specifications for tag in spec.get("Tags", ())]
        template = LaunchTemplate(
            id=f"lt-{self._world.hex_id(17)}",
            name=name,
            created=self._world.at,
            versions={1: copy.deepcopy(params["LaunchTemplateData"])},
            tags=tags_from(tags),
        )
        self._templates[template.id] = template
        return {"LaunchTemplate": self._describe(template)}

    @api
    def create_launch_template_version(self, params: Document) -> Document:
        template = self._named(params)
        data: Document = {}
        if params.get("SourceVersion"):
            source = self.version_number(template, params["SourceVersion"])
            data = copy.deepcopy(template.versions[source])
        data.update(copy.deepcopy(params["LaunchTemplateData"]))
        number = template.latest + 1
        template.versions[number] = data
        return {"LaunchTemplateVersion": self._describe_version(template, number)}

    @api
    def modify_launch_template(self, params: Document) -> Document:
        template = self._named(params)
        template.default = self.version_number(template, params.get("DefaultVersion"))
        return {"LaunchTemplate": self._describe(template)}

    @api
    def describe_launch_templates(self, params: Document) -> Document:
        ids, names = params.get("LaunchTemplateIds"), params.get("LaunchTemplateNames")
        if ids:
            found = [self.find(one) for one in ids]
        elif names:
            found = [self.find(None, one) for one in names]
        else:
            found = list(self._templates.values())
        for condition in params.get("Filters") or ():
            found = [one for one in found if _matches(one, condition["Name"], condition["Values"])]
        shown, token = page(found, size=params.get("MaxResults") or 200, token=params.get("NextToken"))
        answer: Document = {"LaunchTemplates": [self._describe(one) for one in shown]}
        return answer | ({"NextToken": token} if token else {})

    @api
    def describe_launch_template_versions(self, params: Document) -> Document:
        """The versions of one template, all or those asked for, by page (200 at most)."""
        template = self._named(params)
        asked = [self.version_number(template, one) for one in params.get("Versions") or ()]
        shown, token = page(
            asked or sorted(template.versions),
            size=params.get("MaxResults") or 200,
            token=params.get("NextToken"),
        )
        answer: Document = {"LaunchTemplateVersions": [self._describe_version(template, n) for n in shown]}
        return answer | ({"NextToken": token} if token else {})

    def _named(self, params: Document) -> LaunchTemplate:
        return self.find(params.get("LaunchTemplateId"), params.get("LaunchTemplateName"))

    def _describe(self, template: LaunchTemplate) -> Document:
        return {
            "LaunchTemplateId": template.id,
            "LaunchTemplateName": template.name,
            "CreateTime": as_datetime(template.created),
            "CreatedBy": f"arn:aws:iam::{self._world.settings.account_id}:root",
            "DefaultVersionNumber": template.default,
            "LatestVersionNumber": template.latest,
            "Tags": tags_to(template.tags),
        }

    def _describe_version(self, template: LaunchTemplate, number: int) -> Document:
        return {
            "LaunchTemplateId": template.id,
            "LaunchTemplateName": template.name,
            "VersionNumber": number,
            "DefaultVersion": number == template.default,
            "LaunchTemplateData": copy.deepcopy(template.versions[number]),
        }


def _matches(template: LaunchTemplate, name: str, values: list[str]) -> bool:
    if name.startswith("tag:"):
        return template.tags.get(name[4:]) in values
    if name == "launch-template-name":
        return template.name in values
    if name == "tag-key":
        return any(key in values for key in template.tags)
    raise CloudError("InvalidParameterValue", f"The filter '{name}' is invalid")
