"""The product's texts say what docs/glossary.md says, and nothing that it rules out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GLOSSARY = ROOT / "docs" / "glossary.md"
SAYINGS = "## Say, do not say"

_GAP = r"\s+(?:\S+\s+){0,3}?"

ROOMS = (
    "bluegreen",
    "infra",
    "tools",
    "cli.py",
    "deploy.toml",
    "docs",
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
)
"""Where every text follows the glossary: the product, its program and its documents."""


def rows(text: str) -> Iterator[list[str]]:
    """The cells of every row of the Markdown tables in `text`, without headings."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and set(cells[0]) != {"-"} and cells[0] not in ("word", "do not say"):
            yield cells


def sayings() -> dict[str, str]:
    """What must not be said, to what is said instead."""
    table = GLOSSARY.read_text(encoding="utf-8").partition(SAYINGS)[2]
    return {phrase: say for banned, say in rows(table) for phrase in banned.split(", ")}


def pattern(phrase: str) -> re.Pattern[str]:
    """`take ... back` finds up to three words between, over the ends of lines."""
    parts = [r"\s+".join(map(re.escape, part.split())) for part in phrase.split("...")]
    return re.compile(rf"\b{_GAP.join(parts)}\b", re.IGNORECASE)


PATTERNS = {phrase: pattern(phrase) for phrase in sayings()}


def strings(source: str) -> Iterator[tuple[int, str]]:
    """(line, text) of every string and docstring; a value in an f-string counts as one word."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            parts = (str(v.value) if isinstance(v, ast.Constant) else "X" for v in node.values)
            yield node.lineno, "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of what a person reads in a file."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield from strings(source)
        return
    if path == GLOSSARY:
        source = source.partition(SAYINGS)[0]
    yield 1, re.sub(r"^[ \t]*#+ ?", "", source, flags=re.MULTILINE)


def faults(path: Path) -> list[str]:
    """Everything that is said in `path` and should not be, with what to say instead."""
    instead = sayings()
    return [
        f"{path.name}:{line}: {found.group()!r}: say {instead[phrase]!r}"
        for line, text in texts(path)
        for phrase, banned in PATTERNS.items()
        for found in banned.finditer(text)
    ]


def files() -> list[Path]:
    rooms = [ROOT / room for room in ROOMS]
    inside = [
        path for room in rooms for path in sorted(room.rglob("*")) if path.suffix in (".py", ".md", ".sh")
    ]
    return [room for room in rooms if room.is_file()] + inside


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_said_that_the_glossary_rules_out(path: Path) -> None:
    assert faults(path) == []


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.py", 'def f():\n    """It is Taken\n    back."""\n', "Taken\n    back"),
        ("a.py", 'x = f"take {named} of {stack} back?"\n', "take X of X back"),
        ("a.py", 'x = ("nothing speaks " "against it")\n', "speaks against"),
        ("a.toml", "# `abort` takes it\n# back at once\n[rollout]\n", "takes it\nback"),
        ("a.md", "the deployment goes\non", "goes\non"),
    ],
)
def test_it_is_found_wherever_it_stands(tmp_path: Path, name: str, text: str, said: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    (fault,) = faults(path)
    assert repr(said) in fault


def test_what_may_be_said_is_not_found(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(
        'x = "take the lift and come back; it improved; is not JSON; the lab is amended"\n# goes on\n'
    )
    assert faults(path) == []


def test_every_word_has_one_meaning_and_can_be_found_by_the_alphabet() -> None:
    words, _, _ = GLOSSARY.read_text(encoding="utf-8").partition(SAYINGS)
    chapters = [[cells[0] for cells in rows(chapter)] for chapter in words.split("\n## ")[1:]]
    for chapter in chapters:
        assert chapter == sorted(chapter)
    every = [word for chapter in chapters for word in chapter]
    assert len(every) == len(set(every)) > 60
