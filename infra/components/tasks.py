"""What sc-deploy may run on hosts: one fixed command, whose parameters SSM checks (P4, S5)."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pulumi_aws as aws

from bluegreen.contract import RUN_COMMAND, TASK_PATTERN, run_document
from infra.component import Component
from infra.environment import Environment


class Tasks(Component):
    """The stack's SSM document. It runs images of the stack's own repositories and no shell."""

    def __init__(self, name: str, environment: Environment, repositories: Sequence[str]) -> None:
        super().__init__(name, environment)
        self.document = aws.ssm.Document(
            name,
            name=run_document(environment.stack),
            document_type="Command",
            document_format="JSON",
            target_type="/AWS::EC2::Instance",
            content=json.dumps(_content(environment, repositories)),
            opts=self.options(),
        )
        self.register_outputs({"document": self.document.name})


def _content(environment: Environment, repositories: Sequence[str]) -> dict[str, object]:
    registry = f"{environment.account_id}.dkr.ecr.{environment.region}.amazonaws.com/".replace(".", r"\.")
    images = f"^{registry}({'|'.join(repositories)})@sha256:[0-9a-f]{{64}}$"

    def text(description: str, pattern: str, **more: str) -> dict[str, str]:
        return {"type": "String", "description": description, "allowedPattern": pattern, **more}

    return {
        "schemaVersion": "2.2",
        "description": "Run one task in a container on a SportCoach host",
        "parameters": {
            "image": text("The image, by digest", images),
            "command": text("The command and its arguments, for no shell", f"^{TASK_PATTERN}$"),
            "executionTimeout": text("Seconds that it may take", "^[1-9][0-9]{0,5}$", default="3600"),
        },
        "mainSteps": [
            {
                "action": "aws:runShellScript",
                "name": "run",
                "precondition": {"StringEquals": ["platformType", "Linux"]},
                "inputs": {
                    "timeoutSeconds": "{{ executionTimeout }}",
                    "runCommand": [f"exec /usr/local/bin/{RUN_COMMAND} {{{{ image }}}} -- {{{{ command }}}}"],
                },
            }
        ],
    }
