"""`ports.Images` over ECR."""

from __future__ import annotations

from functools import partial

from bluegreen.adapters.aws.failures import AwsRefusal
from bluegreen.adapters.aws.session import Json, Session
from bluegreen.adapters.threads import parallel
from bluegreen.domain.release import Image
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
