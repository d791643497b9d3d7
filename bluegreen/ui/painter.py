"""Frames on a terminal: each is one write, and one that changes nothing is none.

They are drawn on the terminal's second screen: there a frame begins at the top whatever the window's size
was before, and what was on the first one is there again afterwards.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import IO

_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


class Painter:
    """Draws `frame()` every few tenths of a second: clocks and bars move without an event."""

    def __init__(self, stream: IO[str], frame: Callable[[], str], *, every: float) -> None:
        self._stream, self._frame, self._every = stream, frame, every
        self._shown: str | None = None
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Take the screen."""
        self._write(_ENTER)
        self._thread = threading.Thread(target=self._refresh, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Give the screen back; harmless where it was not taken."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._over.set()
            thread.join()
            self._write(_LEAVE)

    def paint(self) -> None:
        """Draw the frame if it differs from the one that is shown."""
        with self._lock:
            frame = self._frame()
            if frame == self._shown:
                return
            self._shown = frame
            lines = frame.rstrip("\n").replace("\n", f"{_REST_OF_LINE}\r\n")
            self._write(f"{_HOME}{lines}{_REST_OF_LINE}{_REST_OF_SCREEN}")

    def _refresh(self) -> None:
        while not self._over.is_set():
            self.paint()
            self._over.wait(self._every)

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # a terminal that is gone ends no run
            self._stream.write(text)
            self._stream.flush()
