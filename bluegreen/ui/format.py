"""Times, durations and figures in words: one spelling for the screen, the lines and the tables."""

from __future__ import annotations

from datetime import UTC, datetime


def duration(seconds: float) -> str:
    """Whole seconds in the two largest units: `45s`, `1m 20s`, `2h 05m`, `3d 04h`."""
    left = max(0, round(seconds))
    if left < 60:
        return f"{left}s"
    if left < 3600:
        return f"{left // 60}m {left % 60:02d}s"
    if left < 86_400:
        return f"{left // 3600}h {left % 3600 // 60:02d}m"
    return f"{left // 86_400}d {left % 86_400 // 3600:02d}h"


def clock(at: float) -> str:
    """The local time of day of epoch seconds, `12:03:10`."""
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%H:%M:%S")


def clock_utc(at: float) -> str:
    """The time of day in UTC, for what is read in other places: `12:03:10`."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")


def day(at: float) -> str:
    """Local date and time of epoch seconds, `2026-08-03 12:03`."""
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def iso(at: float) -> str:
    """Epoch seconds for machines: UTC, ISO 8601, milliseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ending_label(intent: str, ending: str) -> str:
    """How an ending is called: a rollback that built the earlier release again has not `released` one."""
    return "rolled-back" if (intent, ending) == ("rollback", "released") else ending


def ending_words(ending: str, words: str) -> str:
    """`rolled-back: why`, without saying the ending twice."""
    return words if words.startswith(ending.replace("-", " ")) else f"{ending}: {words}"


def count(number: float) -> str:
    """A count with thousands separated: `24,310`."""
    return f"{number:,.0f}"


def rate(per_second: float) -> str:
    """Requests per second with a decimal below 100: `12.5`, `1,204`."""
    return f"{per_second:.1f}" if per_second < 100 else f"{per_second:,.0f}"


def share(fraction: float) -> str:
    """A fraction of one as a percentage: `0.02` is `2.00 %`."""
    return f"{100 * fraction:.2f} %"


def percent(number: int | None) -> str:
    """A weight, `25 %`; a dash where it is not known."""
    return "—" if number is None else f"{number} %"
