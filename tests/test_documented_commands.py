"""Every sc-deploy command in the documents is one: its verb, its options and what they are given."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from cli import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "pipeline" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_INLINE = re.compile(r"`(sc-deploy [^`]+)`")
_BLOCK = re.compile(r"^ *\$ (sc-deploy (?:[^\n]*\\\n)*[^\n]*)$", re.MULTILINE)
_STANDS_FOR = {"N": "42", "NUMBER": "42", "VERSION": "v1.4.0", "STACK": "prod", "SEED": "1", "...": "x"}


def commands(path: Path) -> Iterator[str]:
    """Those between backticks and those behind a prompt; not what a shell does with them."""
    text = path.read_text(encoding="utf-8")
    for found in (*_INLINE.findall(text), *_BLOCK.findall(text)):
        line = " ".join(found.replace("\\\n", " ").split())
        yield re.split(r" (?:\||>|>>|&|#)(?: |$)", line)[0].strip()


def group_of(words: list[str]) -> tuple[Any, list[str]]:
    """The command that `words` name, and what is left for it."""
    found: Any = typer.main.get_command(app)
    while words and hasattr(found, "commands"):
        found = found.commands[words.pop(0)]
    return found, words


@pytest.mark.parametrize(
    ("page", "command"),
    sorted({(path.relative_to(ROOT).as_posix(), one) for path in PAGES for one in commands(path)}),
)
def test_a_documented_command_is_one(page: str, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that names only its verb stands for the verb; the stack may be in the environment."""
    monkeypatch.setenv("SC_DEPLOY_STACK", "prod")
    words = [_STANDS_FOR.get(word, word) for word in shlex.split(command)[1:]]
    if words[0].startswith("-"):
        assert words in (["--help"], ["--version"])
        return
    found, rest = group_of(words)
    if rest not in ([], ["--help"]):
        found.make_context("sc-deploy", rest)


def test_documents_are_read() -> None:
    assert {path.name for path in PAGES} >= {"README.md", "operations-manual.md", "judging.md"}
    assert "promote v1.4.0 --stack prod" in " ".join(commands(ROOT / "README.md"))
