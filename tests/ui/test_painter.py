"""Frames on a terminal: how many writes, and what is left of an earlier frame."""

from __future__ import annotations

import io
import re

from bluegreen.ui.painter import Painter


class Terminal(io.StringIO):
    """Counts writes, and knows what would be on the screen."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        self.writes.append(text)
        return len(text)

    def screen(self) -> list[str]:
        lines: list[str] = ["stale" * 20] * 50
        for text in self.writes:
            row = 0
            for part in re.split(r"(\x1b\[[?0-9]*[A-Za-z]|\r\n)", text):
                if part == "\x1b[H":
                    row = 0
                elif part == "\r\n":
                    row += 1
                elif part == "\x1b[J":
                    lines = lines[: row + 1]
                elif part and not part.startswith("\x1b"):
                    lines[row : row + 1] = [part]
        return lines


def painter(terminal: Terminal, frames: list[str]) -> Painter:
    return Painter(terminal, lambda: frames[0], every=3_600.0)


def test_a_frame_is_one_write_and_the_same_one_is_none() -> None:
    terminal, frames = Terminal(), ["a\nb\n"]
    made = painter(terminal, frames)
    made.paint()
    made.paint()
    assert len(terminal.writes) == 1
    frames[0] = "a\nc\n"
    made.paint()
    assert len(terminal.writes) == 2


def test_nothing_is_left_of_an_earlier_and_larger_frame() -> None:
    terminal, frames = Terminal(), ["\n".join(f"line {n}" for n in range(30))]
    made = painter(terminal, frames)
    made.paint()
    assert len(terminal.screen()) == 30
    frames[0] = "a\nb\n"
    made.paint()
    assert terminal.screen() == ["a", "b"]
    assert terminal.writes[-1].count("\x1b[K") == 2, "a longer line from before is cleared"


def test_the_screen_is_taken_and_given_back_once() -> None:
    terminal = Terminal()
    made = painter(terminal, ["a\n"])
    made.start()
    made.stop()
    made.stop()
    everything = "".join(terminal.writes)
    assert everything.count("\x1b[?1049h") == everything.count("\x1b[?1049l") == 1
    assert everything.endswith("\x1b[?25h\x1b[?1049l")
