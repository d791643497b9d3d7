import json

from bluegreen.contract import Tier
from bluegreen.domain.document import from_document, to_document
from bluegreen.domain.measurement import Metric
from bluegreen.domain.verdict import Finding, Outcome, Verdict


def test_a_verdict_survives_the_journal() -> None:
    finding = Finding(
        metric=Metric.ERRORS,
        tier=Tier.APP,
        outcome=Outcome.FAIL,
        words="app errors: 41 of 8,120 on green",
        evidence=812.0,
        needed=400.0,
        numbers={"green_errors": 41.0},
    )
    verdict = Verdict(
        outcome=Outcome.FAIL,
        reason="app errors",
        findings=(finding,),
        hold=False,
        ask=False,
        at=1_700_000_000.0,
    )
    assert from_document(Verdict, json.loads(json.dumps(to_document(verdict), allow_nan=False))) == verdict
