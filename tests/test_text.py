"""Words from outside are text wherever they appear: no terminal, log, page or report obeys them."""

from __future__ import annotations

import io
import json
import time
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from bluegreen.adapters.aws.state.items import entry_from, header_from, header_item, pack
from bluegreen.adapters.pager.documents import by_protocol, incident, slack_message
from bluegreen.commands import _terminal
from bluegreen.commands._options import Settings
from bluegreen.domain.journal import SCHEMA, Ending, Entry, Header, RunHalted, StepDone, StepFailed, Warned
from bluegreen.domain.page import Page
from bluegreen.domain.plan import StepKind
from bluegreen.engine.probes import version_fault
from bluegreen.engine.recorder import Recorder
from bluegreen.errors import Fault, Refused
from bluegreen.ports import Answer
from bluegreen.text import LONGEST, clean, lines, one_line
from bluegreen.ui.events import JsonView
from bluegreen.ui.lines import Lines
from bluegreen.ui.live import LiveView
from bluegreen.ui.plain import PlainView
from bluegreen.ui.report.writing import Form, written
from bluegreen.ui.tables.grid import field, grid
from bluegreen.ui.tables.history import header_document, history_view
from tests.ui.samples import START, Script, contract, proving, result

EVIL = (
    "before\x1b]0;owned\x07\x1b[2J\x1b[31mred\x9b1A\r\n12:00:00 released: all is well\n::set-env name=X::y\n"
    "##[command]rm\x00\x08\x7f\u202egnp.exe\u2066\u200b\u2028[bold red]markup[/] <script>alert(1)</script> "
    "<!channel> |cell| @team \ud800" + "w" * 3_000
)
"""What a version endpoint, a tag, a command or another writer of the journal may answer."""
STEP = proving(StepKind.MIGRATE)


def is_text(words: str) -> bool:
    """Nothing that is obeyed or unseen."""
    return all(
        sign in "\n\t" or unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
        for sign in words
    )


def obeyed(words: str) -> list[str]:
    """Lines that a pipeline takes for commands, or that look like ours."""
    return [
        line
        for line in words.splitlines()
        if line.lstrip().startswith(("::", "##[")) or line.startswith("12:00:00 released")
    ]


def script() -> Script:
    """A halted deployment whose every word is hostile, as it is read back from the table."""
    made = Script().until("judge-25")
    stage = "migrate"
    made.say(Warned(words=EVIL))
    made.say(StepDone(stage=stage, step=STEP, words=EVIL))
    made.say(StepFailed(stage=stage, step=STEP, words=EVIL, faults=(EVIL,), next=EVIL))
    made.say(RunHalted(words=EVIL, next=EVIL, traffic=(EVIL,)))
    made.entries = [read_back(entry) for entry in made.entries]
    made.header = header_from(header_item(replace(made.header, operator=EVIL, reason=EVIL, version=EVIL)))
    return made


def read_back(entry: Entry) -> Entry:
    """`entry` as another program may have written it: nothing was filtered there."""
    from bluegreen.domain.document import to_document

    event = to_document(entry.event)
    kind = event.pop("kind")
    item = {"schema": SCHEMA, "seq": entry.seq, "at": entry.at, "kind": kind, "data": json.dumps(event)}
    return entry_from(2, pack(item))


def plain(made: Script) -> str:
    out = io.StringIO()
    view = PlainView(out)
    for entry in made.entries:
        view(made.header, entry)
    view.note(EVIL)
    view.close(result(words=EVIL, next_step=EVIL, traffic=(EVIL,)))
    return out.getvalue()


def as_json(made: Script) -> str:
    out = io.StringIO()
    view = JsonView(out)
    for entry in made.entries:
        view(made.header, entry)
    view.note(EVIL)
    view.close(result(words=EVIL, next_step=EVIL, traffic=(EVIL,)))
    return out.getvalue()


def live(made: Script) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, color_system=None, width=100, height=40)
    view = LiveView(console, clock=lambda: made.at)
    for entry in made.entries:
        view(made.header, entry)
    view.note(EVIL)
    frame = view._frame()
    view.close(result(words=EVIL, next_step=EVIL, traffic=(EVIL,)))
    view.note(EVIL)
    return frame + out.getvalue()


def history(made: Script) -> str:
    table = _terminal.unpadded(history_view([made.header], now=START))
    return table + json.dumps(header_document(made.header), ensure_ascii=False).replace("\\n", " ")


def story(made: Script) -> str:
    told = Lines()
    return "\n".join(line for entry in made.entries for line in told.of(made.header, entry))


def tables(_: Script) -> str:
    table = grid("tag", "words")
    table.add_row(EVIL, Text(EVIL))
    return _terminal.unpadded(table) + _terminal.unpadded(field("open", EVIL))


def errors(_: Script) -> str:
    return str(Refused(EVIL, next_step=EVIL, faults=[Fault(EVIL, EVIL, EVIL)]))


SURFACES: tuple[Callable[[Script], str], ...] = (plain, as_json, live, history, story, tables, errors)


@pytest.mark.parametrize("surface", SURFACES)
def test_no_terminal_or_pipeline_obeys_a_word_from_outside(surface: Callable[[Script], str]) -> None:
    shown = surface(script())
    assert "before" in shown, "the words are told all the same"
    assert is_text(shown)
    assert obeyed(shown) == []


@pytest.mark.parametrize("form", Form)
def test_reports_hold_text(form: Form) -> None:
    made = script()
    text = written(made.header, made.entries, form, now=made.at)
    assert "before" in text
    assert is_text(text)
    assert form is Form.JSON or "<script>alert" not in text.replace("\\<", "")
    assert form is not Form.MARKDOWN or obeyed(text) == []


def test_pages_hold_text_and_call_nobody() -> None:
    page = Page(subject=EVIL, text=EVIL, next_step=EVIL, deployment=2)
    assert "\n" not in page.subject
    documents: tuple[Any, ...] = (
        slack_message(page, signature="us"),
        incident(page, stack="lab", routing_key="key", signature="us"),
        json.loads(by_protocol(page, stack="lab", signature="us")),
        json.loads(json.loads(by_protocol(page, stack="lab", signature="us"))["https"]),
    )
    for document in documents:
        assert all(map(is_text, texts(document)))
    for document in (documents[0], documents[3]):
        assert "<!" not in json.dumps(document)


def texts(document: Any) -> list[str]:
    if isinstance(document, str):
        return [document]
    if isinstance(document, dict):
        return [text for one in document.values() for text in texts(one)]
    return [text for one in document for text in texts(one)] if isinstance(document, list) else []


def test_programs_get_every_character_of_a_document() -> None:
    """In JSON nothing is lost: what nobody sees is escaped, what people write is not."""
    from bluegreen.ui.events import json_line

    document = {"words": "\u202e\x9b1A\u2028 é 中 🎉"}
    line = json_line(document)
    assert is_text(line)
    assert "é 中 🎉" in line
    assert json.loads(line) == document


def test_what_a_target_answers_is_told_in_a_few_words() -> None:
    answer = Answer(status=200, body=json.dumps({"version": EVIL, "instance": "i-1"}), seconds=0.1)
    _, fault = version_fault(answer, "v1", None)
    assert is_text(fault)
    assert "\n" not in fault
    assert len(fault) < 200
    _, fault = version_fault(
        Answer(status=200, body=json.dumps({"version": {"a": ["b" * 10**6]}}), seconds=0.1), "v1", None
    )
    assert len(fault) < 200


def test_what_is_shown_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    _terminal.say(EVIL)
    _terminal.show(cast("Settings", SimpleNamespace(json=False)), {}, Text(EVIL))
    told = capsys.readouterr()
    assert is_text(told.out)
    assert is_text(told.err)


def test_markup_in_a_note_is_no_markup() -> None:
    out = io.StringIO()
    view = LiveView(Console(file=out, force_terminal=True, width=80))
    view.close(result())
    before = len(out.getvalue())
    view.note("[bold]as written[/]")
    assert "[bold]as written[/]" in out.getvalue()[before:]


@given(st.text(st.characters(), max_size=300))
def test_any_words_are_text_and_cleaning_twice_is_cleaning_once(words: str) -> None:
    once = lines(words)
    assert is_text(once)
    assert lines(once) == once
    assert obeyed(once.replace("12:", "")) == []
    assert "\n" not in one_line(words)


def test_what_people_write_is_left_alone() -> None:
    for words in ("", "v1.2.3", "Grüße, 中文 ‒ 🎉\n\tindented", "a  b [x] <y> $(z) 'q'"):
        assert lines(words) == words
    assert clean(contract()) is not None
    assert clean(contract()) == contract()
    made = Script().rolled_back()
    assert all(clean(entry) is entry for entry in made.entries), "nothing of ours is changed, or copied"


def test_a_text_is_bounded_before_it_is_worked_on() -> None:
    began = time.process_time()
    found = lines("\x1b]" * 5_000_000)
    assert len(found) <= LONGEST
    assert time.process_time() - began < 1.0
    assert len(lines("x" * 10**6)) == LONGEST
    assert lines("x" * 10**6).endswith("x")


def test_colors_leave_nothing_behind() -> None:
    assert lines("\x1b[1;31mred\x1b[0m \x1b]8;;http://x\x1b\\link\x1b]8;;\x07 \x9b2Jend") == "red link end"


def test_line_breaks_of_every_kind_are_one_kind() -> None:
    assert lines("a\r\nb\rc\u2028d\x85e") == "a\nb\nc\nd\ne"


def test_what_is_journalled_and_told_to_listeners_is_text() -> None:
    kept: list[Entry] = []
    told: list[Entry] = []
    journal = SimpleNamespace(append=lambda _number, entries, *, token: kept.extend(entries))
    recorder = Recorder(
        journal=cast("Any", journal),
        clock=cast("Any", SimpleNamespace(now=lambda: START, sleep=None)),
        header=script().header,
        token=1,
        last_seq=0,
        patience=1.0,
        subscribers=(lambda _, entry: told.append(entry),),
    )
    recorder.write(Warned(words=EVIL), StepDone(stage="migrate", step=STEP, words=EVIL))
    assert kept == told
    assert all(is_text(str(getattr(entry.event, "words", ""))) for entry in kept)


def test_a_header_of_another_writer_is_text() -> None:
    header = Header(
        number=7, stack="lab", intent="promotion", version=EVIL, operator=EVIL, reason=EVIL,
        started_at=START, ending=Ending.HALTED, fingerprint="", schema=SCHEMA, proven=False,
        ended_at=None, documents=None,
    )  # fmt: skip
    found = header_from(header_item(header))
    assert all(map(is_text, (found.version, found.operator, found.reason)))
