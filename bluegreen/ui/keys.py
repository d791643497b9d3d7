"""What the keys of the live view do: a small machine without a terminal, so that a test can type."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """What a person asks of the deployment by a key."""

    HOLD = "hold"
    CONTINUE = "continue"
    ABORT = "abort"


class Page(StrEnum):
    """What the screen shows."""

    VIEW = "view"
    LOG = "log"
    HELP = "help"


_ACTIONS = {"h": Action.HOLD, "c": Action.CONTINUE}
_PAGES = {"l": Page.LOG, "?": Page.HELP}
_READS = "l log   ? help   Ctrl-C leave"
_ACTS = "h hold   c continue   a abort   l log   ? help"

HELP = (
    "h   hold: no further step begins, both fleets stand, green is measured on",
    "c   continue after a hold",
    "a   abort: all traffic returns to blue, green is deleted; y confirms it",
    "l   the log of this deployment, and back",
    "?   this page, and back",
    "Ctrl-C   stop at the next safe point; `sc-deploy resume` continues",
    "",
    "From any other machine: sc-deploy watch, hold, continue, abort",
)
WATCHING = (
    "l   the log of this deployment, and back",
    "?   this page, and back",
    "Ctrl-C   leave; the deployment continues",
    "",
    "This view changes nothing. From any machine: sc-deploy hold, continue, abort",
)


class Keys:
    """Which page is shown, and whether an abort waits for its y."""

    def __init__(self, *, acts: bool) -> None:
        """`acts`: keys change the deployment; otherwise they only turn pages."""
        self._acts = acts
        self.page = Page.VIEW
        self.asks = False

    @property
    def words(self) -> str:
        """The keys as the screen's last line."""
        if self.asks:
            return "abort: all traffic returns to blue, green is deleted. y: do it, any other key: leave it"
        back = {Page.LOG: "l back", Page.HELP: "? back"}.get(self.page)
        return f"keys      {back or (_ACTS if self._acts else _READS)}"

    @property
    def help(self) -> tuple[str, ...]:
        """The help page."""
        return HELP if self._acts else WATCHING

    def press(self, key: str) -> Action | None:
        """Take a key; what it asks of the deployment, if anything."""
        if self.asks:
            self.asks = False
            return Action.ABORT if key == "y" else None
        if key in _PAGES:
            self.page = Page.VIEW if self.page is _PAGES[key] else _PAGES[key]
        elif self._acts and key == "a":
            self.page, self.asks = Page.VIEW, True
        return _ACTIONS.get(key) if self._acts else None
