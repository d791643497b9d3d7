"""A report in one of its forms."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from bluegreen.domain.document import to_document
from bluegreen.domain.journal import Entry, Header
from bluegreen.ui.events import printable_json
from bluegreen.ui.report.fold import report_of
from bluegreen.ui.report.markdown import markdown


class Form(StrEnum):
    """How a report is written; the ending of its file's name."""

    HTML = "html"
    MARKDOWN = "md"
    JSON = "json"


def written(header: Header, entries: Sequence[Entry], form: Form, *, now: float) -> str:
    """The whole text of the report of one deployment."""
    report = report_of(header, entries, now=now)
    if form is Form.HTML:
        from bluegreen.ui.report.html import html  # noqa: PLC0415  (Jinja costs what only HTML needs)

        return html(report)
    if form is Form.MARKDOWN:
        return markdown(report)
    return printable_json({"event": "report", **to_document(report)}, indent=1) + "\n"
