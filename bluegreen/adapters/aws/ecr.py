"""`ports.Images` over ECR."""

from __future__ import annotations

from functools import partial

from bluegreen.adapters.aws.failures import AwsRefusal, Tolerated
from bluegreen.adapters.aws.session import Json, Session
from bluegreen.adapters.threads import parallel
from bluegreen.domain.release import Image
from bluegreen.domain.security import Scan, ScanStatus, Vulnerability
from bluegreen.errors import Refused

_SHOWN = 8


class EcrImages:
    """Container images by tag."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._service = partial(session.service, "ecr")

    def resolve(self, repository: str, tag: str) -> Image:
        call = partial(self._service().call, about=f"{repository}:{tag}")
        image = [{"imageTag": tag}]
        reads = [
            partial(call, "describe_images", repositoryName=repository, imageIds=image),
            partial(call, "describe_repositories", repositoryNames=[repository]),
        ]
        try:
            images, repositories = parallel(reads)
        except AwsRefusal as error:
            if error.code == "RepositoryNotFoundException":
                raise self._unknown_repository(repository) from error
            if error.code in ("ImageNotFoundException", "InvalidParameterException"):
                raise self._unknown_tag(repository, tag) from error
            raise
        digest = images["imageDetails"][0]["imageDigest"]
        uri = repositories["repositories"][0]["repositoryUri"]
        return Image(repository=repository, tag=tag, digest=digest, uri=f"{uri}@{digest}")

    def scan(self, image: Image) -> Scan:
        """Basic and enhanced scanning answer the same call, each in fields of its own."""
        call = partial(self._service().call, "describe_image_scan_findings", about=image.uri)
        asked: Json = {"repositoryName": image.repository, "imageId": {"imageDigest": image.digest}}
        critical: dict[str, Vulnerability] = {}
        with Tolerated("ScanNotFoundException", "ImageNotFoundException"):
            while True:
                answer = call(**asked)
                found = answer.get("imageScanFindings") or {}
                for one in map(
                    _critical, (*(found.get("findings") or ()), *(found.get("enhancedFindings") or ()))
                ):
                    if one:
                        critical.setdefault(one.id, one)
                if not answer.get("nextToken"):
                    return _scan(answer.get("imageScanStatus") or {}, tuple(critical.values()))
                asked["nextToken"] = answer["nextToken"]
        return Scan(status=ScanStatus.NONE)

    def _unknown_tag(self, repository: str, tag: str) -> Refused:
        found = self._service().pages(
            "describe_images", "imageDetails", repositoryName=repository, filter={"tagStatus": "TAGGED"}
        )
        newest = sorted(found, key=_pushed, reverse=True)
        tags = [name for image in newest for name in image.get("imageTags") or ()]
        shown = ", ".join(tags[:_SHOWN]) or "none: nothing was pushed yet"
        return Refused(
            f"repository {repository} holds no image tagged {tag}; newest tags: {shown}",
            next_step=f"push {repository}:{tag}, or release one of these",
        )

    def _unknown_repository(self, repository: str) -> Refused:
        found = self._service().pages("describe_repositories", "repositories")
        names = ", ".join(sorted(one["repositoryName"] for one in found)) or "none"
        return Refused(
            f"ECR has no repository {repository} in {self._session.region}; it has: {names}",
            next_step="correct image_repository in the stack's settings and run `pulumi up`",
        )


def _pushed(image: Json) -> float:
    at = image.get("imagePushedAt")
    return at.timestamp() if at else 0.0


_STATUS = {
    # ACTIVE is the word of enhanced scanning, which never ends.
    **dict.fromkeys(("COMPLETE", "ACTIVE"), ScanStatus.COMPLETE),
    **dict.fromkeys(("IN_PROGRESS", "PENDING"), ScanStatus.PENDING),
    **dict.fromkeys(("SCAN_ELIGIBILITY_EXPIRED", "FINDINGS_UNAVAILABLE"), ScanStatus.NONE),
}
"""`imageScanStatus.status` (ECR API, ImageScanStatus); the others are failures."""


def _scan(status: Json, critical: tuple[Vulnerability, ...]) -> Scan:
    name = status.get("status") or "NONE"
    known = _STATUS.get(name, ScanStatus.FAILED)
    detail = "" if known is ScanStatus.COMPLETE else str(status.get("description") or name.lower())
    return Scan(status=known, critical=critical, detail=detail)


def _critical(found: Json) -> Vulnerability | None:
    """A finding of either kind of scan where it is critical and still there."""
    if found.get("severity") != "CRITICAL" or found.get("status", "ACTIVE") != "ACTIVE":
        return None
    details = found.get("packageVulnerabilityDetails")
    if details is not None:
        packages = details.get("vulnerablePackages") or ()
        names = [f"{one.get('name', '')} {one.get('version', '')}".strip() for one in packages]
        fixes = sorted(
            {fix for one in packages if (fix := one.get("fixedInVersion")) and fix != "NotAvailable"}
        )
        return Vulnerability(
            id=details.get("vulnerabilityId") or found.get("title") or "unnamed",
            package=", ".join(dict.fromkeys(names)),
            fixed_in=", ".join(fixes),
        )
    known = {one["key"]: one.get("value", "") for one in found.get("attributes") or ()}
    package = f"{known.get('package_name', '')} {known.get('package_version', '')}".strip()
    return Vulnerability(id=found.get("name") or "unnamed", package=package)
