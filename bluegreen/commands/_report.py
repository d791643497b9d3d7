"""Writing the report of a deployment: by the verb `report`, and at the end of a run that was asked for it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bluegreen.errors import ConfigError

if TYPE_CHECKING:
    from bluegreen.ports import Journal

_ENDINGS = ("html", "md", "json")


def _checked(paths: list[Path] | None) -> list[Path]:
    """Before anything begins: an hour later nobody wants to hear that the file cannot be written."""
    for path in paths or ():
        if path.suffix.lstrip(".") not in _ENDINGS:
            raise typer.BadParameter(
                f"{str(path)!r} must end with .{', .'.join(_ENDINGS[:-1])} or .{_ENDINGS[-1]}"
            )
        if path.is_dir() or not path.absolute().parent.is_dir():
            raise typer.BadParameter(
                f"{str(path)!r} cannot be written: there is no such directory, or it is one"
            )
    return paths or []


ReportOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="Write the report there at the end, however it ends: .html, .md or .json; may be repeated.",
        callback=_checked,
    ),
]


def report_text(journal: Journal, number: int, form: str) -> str | None:
    """The report of deployment `number` in the form of that file ending; None where there is none."""
    from bluegreen.ui.report.writing import Form, written

    header = journal.header(number)
    return written(header, journal.entries(number), Form(form), now=time.time()) if header else None


def write_report(journal: Journal, number: int, path: Path) -> None:
    """Write it to `path`; raises ConfigError where that cannot be."""
    text = report_text(journal, number, path.suffix.lstrip("."))
    try:
        path.write_text(text or "", encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"the report cannot be written to {path}: {error.strerror}", next_step="name another file"
        ) from error
