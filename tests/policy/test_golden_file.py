"""The golden set beside deploy.toml: the shipped example is one, and every faulty line is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bluegreen.errors import ConfigError
from bluegreen.policy import Policy, load_policy
from tools.recording import REPOSITORY

EXAMPLE = REPOSITORY / "examples" / "golden.jsonl"
GOOD = EXAMPLE.read_text(encoding="utf-8")


def loaded(place: Path, questions: str) -> Policy:
    """The shipped policy with its golden set taken in, which holds `questions`."""
    text = (REPOSITORY / "deploy.toml").read_text(encoding="utf-8")
    lines = text.split("# [golden]\n")[1].split("\n\n")[0].replace("# ", "")
    policy = place / "deploy.toml"
    policy.write_text(f"{text.replace('# [golden]', '')}\n[golden]\n{lines}\n", encoding="utf-8")
    (place / "golden.jsonl").write_text(questions, encoding="utf-8")
    return load_policy(policy, stack="prod")


def test_the_example_fits_the_shipped_settings(tmp_path: Path) -> None:
    golden = loaded(tmp_path, GOOD).golden
    assert golden is not None
    assert [row.model_dump() for row in golden.rows] == [json.loads(line) for line in GOOD.splitlines()]
    assert len(golden.rows) >= golden.minimum


def test_every_faulty_line_is_named_by_its_number(tmp_path: Path) -> None:
    """As an editor counts them; a line separator inside a text is none."""
    odd = '{"input": "run\u2028of 9 km", "label": "running"}\n\n'
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, odd + '{"input": "no label"}\n' + GOOD + "not JSON\n")
    found = [fault.where for fault in caught.value.faults]
    assert [where.partition("golden.jsonl:")[2].split()[0].rstrip(":") for where in found] == ["3", "104"]


def test_too_few_are_counted_without_empty_lines(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be used") as caught:
        loaded(tmp_path, "\n" * 200 + GOOD.splitlines()[0])
    assert "1 questions" in str(caught.value.faults[0])
