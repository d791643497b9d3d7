"""Which images ECR deletes: never one that carries a release's tag (P2, R7)."""

from __future__ import annotations

from typing import Any

RELEASES_KEPT = 100_000
"""As many images as a repository can hold at most (ECR user guide, "Amazon ECR service quotas")."""


def _rule(priority: int, description: str, **selection: Any) -> dict[str, Any]:
    return {
        "rulePriority": priority,
        "description": description,
        "selection": selection,
        "action": {"type": "expire"},
    }


def image_lifecycle() -> dict[str, Any]:
    """Keep every release; delete untagged images and old branch builds.

    An image that was built once and tagged again has both tags. It belongs to the first rule that matches
    any of them, and a lower one cannot delete it ("How lifecycle policies work", ECR user guide): so the
    first rule takes all releases, and its count is never reached.
    """
    days = {"countType": "sinceImagePushed", "countUnit": "days"}
    return {
        "rules": [
            _rule(
                1,
                "Releases are kept",
                tagStatus="tagged",
                tagPrefixList=["v"],
                countType="imageCountMoreThan",
                countNumber=RELEASES_KEPT,
            ),
            _rule(2, "Untagged after two weeks", tagStatus="untagged", countNumber=14, **days),
            _rule(
                3,
                "Builds of branches after a month",
                tagStatus="tagged",
                tagPrefixList=["build-"],
                countNumber=30,
                **days,
            ),
        ]
    }
