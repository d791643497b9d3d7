"""The pictures in the documents are what the program shows, and they need no network."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tools.screens import TARGET, WIDTH, pictures

ROOT = TARGET.parents[1]


@pytest.fixture(scope="module")
def drawn() -> dict[str, str]:
    return pictures()


def test_they_are_what_the_program_draws_now(drawn: dict[str, str]) -> None:
    """`python -m tools.screens` writes them anew."""
    kept = {path.stem: path.read_text(encoding="utf-8") for path in TARGET.glob("*.svg")}
    assert sorted(kept) == sorted(drawn)
    assert [name for name in kept if kept[name] != drawn[name]] == []


def test_each_is_a_picture_without_a_network(drawn: dict[str, str]) -> None:
    for svg in drawn.values():
        ET.fromstring(svg)
        assert "@font-face" not in svg
        assert re.findall(r"(?:href|src|url)\s*[=(]\s*[\"']?https?:", svg) == []
        assert len(svg) < 40_000


def words(svg: str) -> str:
    """The text of a picture."""
    root = ET.fromstring(svg)
    found = (one.text or "" for one in root.iter("{http://www.w3.org/2000/svg}text"))
    return " ".join(found).replace("\xa0", " ")


SAID = {
    "proving": ("100 % v1.0.0", "prove", "next", "a abort"),
    "judging": (
        "75 % v1.0.0, 25 % v1.1.0; if this deployer dies: back to v1.0.0",
        "all metrics pass so far",
        "Send 50 % of the traffic to green, at",
        "decides by",
    ),
    "on-hold": ("50 % v1.0.0", "by ben@phone:7: support sees complaints", "c continue", "a abort"),
    "regression": ("95 % v1.1.0, 5 % v1.2.0", "over the limit", "evidence", "if all checks pass"),
    "rolling-back": ("100 % v1.1.0", "rollback:", "evidence", "needed"),
}


@pytest.mark.parametrize(("name", "said"), SAID.items())
def test_each_answers_the_five_questions(drawn: dict[str, str], name: str, said: tuple[str, ...]) -> None:
    assert [one for one in said if one not in words(drawn[name])] == []


@pytest.mark.parametrize("page", ["README.md", "docs/live-view.md"])
def test_the_documents_show_them(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+\.svg)\)", text)
    assert shown
    assert [one for one in shown if not ((ROOT / page).parent / one).exists()] == []
    if page != "README.md":
        assert {Path(one).stem for one in shown} == {path.stem for path in TARGET.glob("*.svg")}
    assert WIDTH == 100
