"""Keys that are typed while a live view is shown, and what they ask of the deployment."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from bluegreen.errors import DeployError

if TYPE_CHECKING:
    from bluegreen.ports import Ports
    from bluegreen.ui.keys import Action
    from bluegreen.ui.view import View

_LOOK = 0.2
"""Seconds after which a keyboard that nobody listens to any more is noticed."""
_WHY = "by a key of the live view"


@contextlib.contextmanager
def typing_into(view: View, obey: Callable[[Action], None]) -> Iterator[None]:
    """Within it the view gets every key, and `obey` what a key asks for; nothing where there is no keyboard.

    Signals stay signals: Ctrl-C is no key.
    """
    if not (view.interactive and sys.stdin.isatty()):
        yield
        return
    try:
        import termios
        import tty

        fd = sys.stdin.fileno()
        before = termios.tcgetattr(fd)
        tty.setcbreak(fd, termios.TCSANOW)
    except (ImportError, OSError, termios.error):
        yield
        return
    over = threading.Event()
    reader = threading.Thread(target=_read, args=(fd, over, view, obey), daemon=True)
    reader.start()
    try:
        yield
    finally:
        over.set()
        reader.join()
        with contextlib.suppress(OSError, termios.error):
            termios.tcsetattr(fd, termios.TCSANOW, before)


def _read(fd: int, over: threading.Event, view: View, obey: Callable[[Action], None]) -> None:
    while not over.is_set():
        try:
            # In the background a read would stop the whole process.
            if os.tcgetpgrp(fd) != os.getpgrp():
                over.wait(_LOOK)
                continue
            if not select.select([fd], [], [], _LOOK)[0]:
                continue
            typed = os.read(fd, 64)
        except OSError:  # the terminal is gone; the run continues
            return
        if not typed:
            return
        for key in typed.decode("utf-8", "ignore"):
            action = view.press(key)
            if action is not None:
                obey(action)


class Requests:
    """What keys ask for goes the way of the verbs: through the lease, to whoever runs the deployment."""

    def __init__(self, ports: Ports, *, number: Callable[[], int | None], owner: str, view: View) -> None:
        self._ports, self._number, self._owner, self._view = ports, number, owner, view

    def __call__(self, action: Action) -> None:
        """Carry it out and say so; a request that fails is told and breaks no run."""
        number = self._number()
        if number is None:
            self._view.note("the deployment has not begun; nothing was asked")
            return
        from bluegreen.ui.keys import Action

        try:
            does = {Action.HOLD: self._hold, Action.CONTINUE: self._continue, Action.ABORT: self._abort}
            words = does[action](number)
        except DeployError as error:
            words = f"{action}: {error.what}"
        self._view.note(words)

    def _hold(self, number: int) -> str:
        from bluegreen.domain.holding import Hold, because

        wanted = Hold(deployment=number, by=self._owner, why=_WHY, at=time.time())
        found = self._ports.lease.ask_hold(wanted)
        if found.name != wanted.name:
            return f"on hold already {because(found.by, found.why)}"
        return "asked to hold: no further step begins"

    def _continue(self, number: int) -> str:
        from bluegreen.domain.holding import because

        found = self._ports.lease.hold(number)
        if found is None or not found.in_force:
            return "it is not on hold"
        self._ports.lease.lift_hold(found, by=self._owner, why=_WHY)
        return f"lifted the hold {because(found.by, found.why)}"

    def _abort(self, _number: int) -> str:
        self._ports.lease.request_stop(f"abort by {self._owner}")
        return "asked to roll it back"
