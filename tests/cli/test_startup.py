"""What `--version` and `--help` may not import, and that they say what they should."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("boto3", "botocore", "pydantic", "rich.live", "rich", "httpx", "pulumi", "moto")
BY_TYPER = "pydantic"
"""typer itself coerces the options of a verb with it."""
VERBS = ("plan", "promote", "rollback", "resume", "abort", "status", "history", "teardown", "doctor")
PROGRAM = """
import sys
from cli import main
sys.argv = ["sc-deploy", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    code = end.code or 0
print("LOADED", *[name for name in {heavy!r} if name in sys.modules])
sys.exit(code)
"""


def run(*words: str) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(heavy=HEAVY)
    return subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("words", [("--version",), ("--help",)])
def test_nothing_heavy_is_imported(words: tuple[str, ...]) -> None:
    done = run(*words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "LOADED"


@pytest.mark.parametrize("words", [("promote", "--help"), ("lab", "--help"), ("demo", "--help")])
def test_the_help_of_a_verb_imports_nothing_but_what_typer_needs(words: tuple[str, ...]) -> None:
    done = run(*words)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.splitlines()[-1].split()) <= {"LOADED", BY_TYPER}


def test_the_version() -> None:
    assert run("--version").stdout.startswith("sc-deploy 0.")


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_each_verb_has_examples_on_their_own_lines(verb: str) -> None:
    text = run(verb, "--help").stdout
    examples = [line for line in text.splitlines() if line.startswith(f"    sc-deploy {verb}")]
    assert len(examples) >= 2, text
    assert "--stack" in text
