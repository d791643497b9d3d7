"""The list of operations is what the adapters really call."""

from __future__ import annotations

import ast
from pathlib import Path

import botocore.session
from botocore import xform_name

import bluegreen.adapters
from bluegreen.adapters.aws.permissions import PUBLISHING, RESTORING, USED, actions_for, all_actions


def called() -> set[str]:
    """Every text in the adapters that names an operation in botocore's way, where calls are made."""
    session = botocore.session.get_session()
    known = {
        xform_name(operation)
        for service in USED
        for operation in session.get_service_model(service).operation_names
    }
    found: set[str] = set()
    for path in Path(bluegreen.adapters.__file__).parent.rglob("*.py"):
        if path.name == "trials.py":  # an administrator's, see there
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                texts = [a.value for a in node.args[:2] if isinstance(a, ast.Constant)]
                found |= {text for text in texts if text in known}
    return found | {"create_schedule", "update_schedule"}  # named by their verb


def test_operations() -> None:
    listed = {
        xform_name(operation)
        for used in (USED, RESTORING, PUBLISHING)
        for operations in used.values()
        for operation in operations
    }
    assert called() == listed


def test_actions() -> None:
    assert actions_for("elbv2", "ModifyRule") == ("elasticloadbalancing:ModifyRule",)
    actions = all_actions()
    assert {"s3:ListBucket", "dynamodb:ConditionCheckItem", "iam:PassRole"} <= actions
    assert not any(action.startswith(("elbv2:", "s3:Head", "dynamodb:Transact")) for action in actions)
