"""EventBridge patterns: the AWS events that people are notified of (A5, S6, M8).

A misspelt pattern is accepted by AWS and never matches; `tests/infra/test_events.py` tries each one on the
events that AWS documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Pattern = Mapping[str, Any]

GUARDDUTY: Pattern = {
    "source": ["aws.guardduty"],
    "detail-type": ["GuardDuty Finding"],
    "detail": {"severity": [{"numeric": [">=", 4]}]},
}
"""Findings of medium severity and above (GuardDuty user guide, "Severity levels": medium begins at 4.0)."""

INSPECTOR: Pattern = {
    "source": ["aws.inspector2"],
    "detail-type": ["Inspector2 Finding"],
    "detail": {"severity": ["CRITICAL"]},
}
"""Critical vulnerabilities of instances and images (Inspector user guide, "EventBridge event schema")."""

MACIE: Pattern = {"source": ["aws.macie"], "detail-type": ["Macie Finding"]}
"""Personal data in a bucket that is searched (Macie user guide, "EventBridge event schema")."""

_UNSUCCESSFUL = ["ABORTED", "EXPIRED", "FAILED", "PARTIAL"]
BACKUP: Pattern = {
    "source": ["aws.backup"],
    "detail-type": ["Backup Job State Change", "Copy Job State Change", "Restore Job State Change"],
    # Backup and copy jobs call it state, restore jobs status.
    "detail": {"$or": [{"state": _UNSUCCESSFUL}, {"status": _UNSUCCESSFUL}]},
}
"""Jobs that did not succeed (AWS Backup developer guide, "Monitoring events using EventBridge")."""

LAUNCH_BY_HAND: Pattern = {
    "source": ["aws.ec2"],
    "detail-type": ["AWS API Call via CloudTrail"],
    "detail": {
        "eventName": ["RunInstances"],
        "errorCode": [{"exists": False}],
        "userIdentity": {"sessionContext": {"sessionIssuer": {"userName": [{"prefix": "sportcoach-"}]}}},
    },
}
"""Whoever may release may launch from the templates, because Auto Scaling checks that. Fleets launch with
Auto Scaling's own role, so a launch with a release's role is somebody with commands of his own ("CloudTrail
userIdentity element"; the trail of the account delivers such events)."""
