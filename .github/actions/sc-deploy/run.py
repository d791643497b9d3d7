"""Run one sc-deploy command in a job of GitHub Actions: its signals, its exit code, its summary.

Standard library only. What the command says is shown as it comes and kept for the summary. No line of it
is read as a workflow command, since some of its words come from outside (versions, probe answers).
"""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

LARGEST_SUMMARY = 900_000
"""Bytes; GitHub drops a step's summary that is larger than 1 MiB."""
TAIL_LINES = 20
INTERRUPTED = 130
WITH_REPORT = frozenset({"promote", "rollback", "resume", "abort"})
"""Commands that end a deployment, or leave one open: the report of the newest one says what happened."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job shows an exit code: the annotation's level (none for a good end), and its heading."""

    level: str
    title: str


ENDINGS: Mapping[int, Ending] = {
    0: Ending("", "done"),
    1: Ending("error", "sc-deploy failed: a bug"),
    2: Ending("error", "usage or configuration"),
    3: Ending("error", "refused, nothing was changed"),
    4: Ending("error", "locked: another deployment holds the stack"),
    5: Ending("error", "the release failed and was rolled back; the service is safe"),
    6: Ending("error", "halted: a person is needed"),
    7: Ending("error", "this machine was too busy to show anything"),
    130: Ending("warning", "interrupted; `sc-deploy resume` or `sc-deploy abort` ends it"),
}
"""The exit codes of README.md; a test compares the two."""


def arguments(text: str) -> list[str]:
    """One argument a line: spaces belong to it, empty lines do not count."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def attestations(text: str) -> list[str]:
    """Who answers for which item, as options: one a line, or after a semicolon."""
    return [f"--attest={one.strip()}" for one in re.split(r"[;\n]", text) if one.strip()]


def run(command: Sequence[str], kept: Path) -> int:
    """Run it with its output shown and kept; a signal of the job is passed on, and its end is waited for."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:  # noqa: S603

        def pass_on(number: int, _frame: FrameType | None) -> None:
            child.send_signal(number)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, pass_on)
        assert child.stdout is not None
        with kept.open("wb") as file:
            for line in child.stdout:
                file.write(line)
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def fenced(text: str) -> str:
    """Text as a block of code, whatever it contains."""
    fence = "`" * 3
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text}\n{fence}\n"


def summary(title: str, code: int, said: str, report: str) -> str:
    """The job's summary: how it ended, the report where there is one, else what the command said."""
    head = f"## {title}\n\nExit code {code}: {ENDINGS.get(code, ENDINGS[1]).title}.\n\n"
    body = report or fenced(said.rstrip())
    return (head + body).encode()[:LARGEST_SUMMARY].decode(errors="ignore")


def annotation(title: str, code: int, said: str) -> str:
    """A line that GitHub shows on the run's page; empty after a good end."""
    ending = ENDINGS.get(code, ENDINGS[1])
    if not ending.level:
        return ""
    last = "\n".join(said.rstrip().splitlines()[-TAIL_LINES:])
    words = last.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return f"::{ending.level} title={title} - {ending.title}::{words}"


def append(variable: str, text: str) -> None:
    """Append to the file that GitHub names in an environment variable."""
    if path := os.environ.get(variable):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)


def report_of(program: str) -> str:
    """The newest deployment's report as Markdown, or nothing where it cannot be had."""
    command = [program, "report", "--markdown"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout if done.returncode == 0 else ""


def main() -> int:
    """Run what COMMAND, ARGUMENTS and ATTEST name, and end as it ended."""
    program = str(Path(sys.executable).with_name("sc-deploy"))
    verb = os.environ["COMMAND"]
    given = arguments(os.environ.get("ARGUMENTS", "")) + attestations(os.environ.get("ATTEST", ""))
    command = [program, verb, *given]
    kept = Path(tempfile.mkdtemp(dir=os.environ.get("RUNNER_TEMP"))) / "output.txt"
    token = secrets.token_hex(16)
    print(f"::stop-commands::{token}", flush=True)
    code = run(command, kept)
    print(f"\n::{token}::", flush=True)
    said = kept.read_text(encoding="utf-8", errors="replace")
    title = f"sc-deploy {verb} on {os.environ.get('SC_DEPLOY_STACK', 'no stack')}"
    # A cancelled job has seconds left.
    report = report_of(program) if verb in WITH_REPORT and code != INTERRUPTED else ""
    if note := annotation(title, code, said):
        print(note, flush=True)
    append("GITHUB_OUTPUT", f"exit-code={code}\noutput-file={kept}\n")
    append("GITHUB_STEP_SUMMARY", summary(title, code, said, report))
    return code


if __name__ == "__main__":
    sys.exit(main())
