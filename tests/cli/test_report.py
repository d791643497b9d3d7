"""The verb `report`, and the reports that a run writes at its end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import SIM, Line
from tests.world import World


def test_a_deployment_is_reported_in_every_form(line: Line, unfinished: World, tmp_path: Path) -> None:
    shown = line("report", "1", *SIM)
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.startswith("<!doctype html>")
    assert line("report", "1", *SIM, "--markdown").stdout.startswith(
        "## ✅ sim \\#1: promotion v1.0.0, released"
    )
    for words in (("--json",), ("--output", "json")):
        document = json.loads(line("report", "1", *SIM, *words).stdout)
        assert (document["deployment"], document["exit_code"], document["ending"]) == (1, 0, "released")
    file = tmp_path / "r.html"
    assert line("report", "1", *SIM, "--to", str(file)).exit_code == 0
    assert file.read_text(encoding="utf-8") == shown.stdout


def test_the_last_one_is_meant_and_one_that_is_not_over_is_reported(line: Line, unfinished: World) -> None:
    document = json.loads(line("report", *SIM, "--json").stdout)
    assert (document["deployment"], document["ending"], document["exit_code"]) == (2, "interrupted", None)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("22",), 3, "no deployment #22"),
        (("22",), 3, "did you mean #2?"),
        (("1", "--html", "--json"), 2, "one of --html, --markdown and --json"),
        (("1", "--to", "x.md"), 2, "does not end with .html"),
        (("1", "--to", "nowhere/x.html"), 2, "cannot be written to nowhere/x.html"),
        (("0",), 2, "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_reported_is_said(
    line: Line, unfinished: World, words: tuple[str, ...], code: int, said: str
) -> None:
    refused = line("report", *words, *SIM)
    assert refused.exit_code == code
    assert said in refused.stderr


def test_an_empty_stack_has_no_report(line: Line, world: World) -> None:
    refused = line("report", *SIM)
    assert refused.exit_code == 3
    assert "no deployment yet" in refused.stderr


def test_a_run_writes_its_reports_at_its_end(line: Line, unfinished: World, tmp_path: Path) -> None:
    files = [tmp_path / f"r.{ending}" for ending in ("html", "md", "json")]
    words = [word for file in files for word in ("--report", str(file))]
    done = line("abort", *SIM, "--yes", *words)
    assert done.exit_code == 0, done.output
    assert all(f"report: {file}" in done.stderr for file in files)
    document = json.loads(files[2].read_text(encoding="utf-8"))
    assert (document["deployment"], document["ending"], document["exit_code"]) == (2, "rolled-back", 0)


def test_a_report_that_cannot_be_written_changes_no_ending(
    line: Line, unfinished: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    done = line("abort", *SIM, "--yes", "--report", str(tmp_path / "r.html"))
    assert done.exit_code == 0
    assert "No space left on device" in done.stdout


@pytest.mark.parametrize("name", ["r.txt", "nowhere/r.html", "r"])
def test_a_bad_file_is_refused_before_anything_begins(line: Line, nobody: None, name: str) -> None:
    for verb in (("promote", "v1.0.0"), ("rollback",), ("resume",), ("abort",)):
        refused = line(*verb, *SIM, "--yes", "--report", name)
        assert refused.exit_code == 2, refused.output
        assert "Invalid value for '--report'" in refused.stderr
