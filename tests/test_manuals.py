"""The deployment manual (K2): every command, every message that it explains, in English and in Chinese."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from cli import app

ROOT = Path(__file__).resolve().parents[1]
ENGLISH = ROOT / "docs" / "deployment-manual.md"
CHINESE = ROOT / "docs" / "zh" / "deployment-manual.md"
BOTH = pytest.mark.parametrize("page", [ENGLISH, CHINESE], ids=["en", "zh"])


def section(page: Path, number: int) -> str:
    text = page.read_text(encoding="utf-8")
    return re.split(r"^## \d\. ", text, flags=re.MULTILINE)[number]


def firsts(text: str) -> list[str]:
    """What stands between backticks in the first cell of each row."""
    rows = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `")]
    return [one for row in rows for one in re.findall(r"`([^`]+)`", row)]


@BOTH
def test_every_command_is_in_the_table(page: Path) -> None:
    group = typer.main.get_command(app)
    known = {name for name, one in group.commands.items() if not one.hidden}  # type: ignore[attr-defined]
    assert set(firsts(section(page, 3))) == known


@BOTH
def test_every_message_that_is_explained_can_be_said(page: Path) -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "bluegreen").rglob("*.py"))
    messages = firsts(section(page, 5))
    assert len(messages) > 10
    assert [one for one in messages if one not in sources] == []


def test_both_manuals_say_the_same() -> None:
    for number in (3, 5):
        assert firsts(section(CHINESE, number)) == firsts(section(ENGLISH, number))
    for number in range(1, 6):
        rows = [section(page, number).count("\n| ") for page in (ENGLISH, CHINESE)]
        assert rows[0] == rows[1]
        codes = [re.findall(r"`(sc-deploy [^`]+)`", section(page, number)) for page in (ENGLISH, CHINESE)]
        assert codes[0] == codes[1]


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda path: path.name)
def test_links_between_documents_lead_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    files = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in files if not (page.parent / link).exists()] == []
