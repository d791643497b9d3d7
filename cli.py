"""sc-deploy: parse, call, render, exit code; nothing else."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any

import typer
import typer.core

from bluegreen.commands import db, lab, models, notify
from bluegreen.commands._connect import exit_code_of
from bluegreen.commands._options import Output, preformatted
from bluegreen.commands.abort import abort
from bluegreen.commands.bans import bans
from bluegreen.commands.baseline import baseline
from bluegreen.commands.checklist import checklist
from bluegreen.commands.demo import demo
from bluegreen.commands.doctor import doctor
from bluegreen.commands.history import history
from bluegreen.commands.hold import continue_, hold
from bluegreen.commands.plan import plan
from bluegreen.commands.promote import promote
from bluegreen.commands.report import report
from bluegreen.commands.resume import resume
from bluegreen.commands.rollback import rollback
from bluegreen.commands.status import status
from bluegreen.commands.teardown import teardown
from bluegreen.commands.verify import verify
from bluegreen.commands.watch import watch
from bluegreen.errors import ConfigError, DeployError, ExitCode
from bluegreen.text import lines

VERBS: tuple[Callable[..., None], ...] = (
    plan,
    promote,
    rollback,
    resume,
    abort,
    hold,
    continue_,
    watch,
    status,
    history,
    report,
    checklist,
    verify,
    teardown,
    bans,
    doctor,
    baseline,
    demo,
)

_UsageError: Any = typer.BadParameter.__bases__[0]  # typer exports its children only


def _wants_json(words: Sequence[str]) -> bool:
    """Whether a command line that could not be parsed asks for JSON."""
    line = f" {' '.join(words)} "
    asked = any(f" {option}{sign}json " in line for option in ("--output", "-o") for sign in (" ", "=", ""))
    return asked or os.environ.get("SC_DEPLOY_OUTPUT") == "json"


class _Listed(typer.core.TyperGroup):
    """Its list of commands has the whole first sentence of each, over several lines where it is long."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        rows = [
            (name, found.get_short_help_str(1000))
            for name in self.list_commands(ctx)
            if (found := self.get_command(ctx, name)) is not None and not found.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class _Commands(_Listed):
    """A command line that cannot be parsed is an error like any other: programs get it as their last line."""

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> Any:
        with self._told(tuple(args)):
            context = super().make_context(info_name, args, *rest, **extra)
        context.meta["words"] = tuple(args)
        return context

    def invoke(self, ctx: Any) -> Any:
        with self._told(ctx.meta["words"]):
            return super().invoke(ctx)

    @contextlib.contextmanager
    def _told(self, words: Sequence[str]) -> Iterator[None]:
        try:
            yield
        except _UsageError as error:
            if _wants_json(words):
                from bluegreen.ui.events import error_document, json_line

                told = ConfigError(error.format_message(), next_step="see --help")
                typer.echo(json_line(error_document(told, int(ExitCode.USAGE))))
            raise


app = typer.Typer(
    name="sc-deploy",
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode=None,  # rich's help takes three times as long to import
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:  # noqa: FBT001  (typer calls it with the option's value)
    if asked:
        from importlib import metadata

        typer.echo(f"sc-deploy {metadata.version('sc-deploy')}")
        raise typer.Exit


_HELP = """Blue-green releases behind an AWS Application Load Balancer, without losing a request.

A release:
  sc-deploy doctor  --stack prod          would it work?
  sc-deploy plan    v1.4.0 --stack prod   what would it do?
  sc-deploy promote v1.4.0 --stack prod   do it
  sc-deploy rollback --stack prod         go back

`sc-deploy demo` shows all of it on this machine, without an AWS account.
"""


@app.callback(help=preformatted(_HELP))
def _sc_deploy(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options before the verb."""


def _report(error: BaseException, code: ExitCode, *, json: bool, debug: bool) -> typer.Exit:
    """Say what went wrong: on stderr for people, as the last line on stdout for programs."""
    from bluegreen.masking import mask

    known = isinstance(error, DeployError)
    words = str(error) if known else mask(lines(f"unexpected error: {type(error).__name__}: {error}"))
    if debug:
        sys.stderr.write(mask("".join(traceback.format_exception(error))))
    typer.echo(
        f"Error: {words}" if known or debug else f"Error: {words}\nNext: repeat with --debug", err=True
    )
    if json:
        from bluegreen.ui.events import error_document, json_line

        typer.echo(json_line(error_document(error, int(code))))
    return typer.Exit(int(code))


def guarded(verb: Callable[..., None]) -> Callable[..., None]:
    """`verb` with every error told and turned into its exit code."""

    @functools.wraps(verb)
    def command(**given: Any) -> None:
        json, debug = given.get("output") is Output.JSON, bool(given.get("debug"))
        try:
            verb(**given)
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except DeployError as error:
            raise _report(error, exit_code_of(error), json=json, debug=debug) from error
        except KeyboardInterrupt as error:
            raise typer.Exit(int(ExitCode.INTERRUPTED)) from error
        except Exception as error:  # a bug: say so briefly, and how to get its traceback
            raise _report(error, ExitCode.BUG, json=json, debug=debug) from error

    return command


def _add(group: typer.Typer, name: str, verb: Callable[..., None]) -> None:
    group.command(name, help=preformatted(inspect.getdoc(verb) or ""))(guarded(verb))


for _verb in VERBS:
    _add(app, _verb.__name__.rstrip("_"), _verb)  # `continue` is a word of Python

_lab = typer.Typer(
    cls=_Listed, no_args_is_help=True, rich_markup_mode=None, help="A laptop-sized AWS to try everything out."
)
for _name, _verb in lab.VERBS.items():
    _add(_lab, _name, _verb)
app.add_typer(_lab, name="lab")

_notify = typer.Typer(cls=_Listed, no_args_is_help=True, rich_markup_mode=None, help="Whether pages arrive.")
for _name, _verb in notify.VERBS.items():
    _add(_notify, _name, _verb)
app.add_typer(_notify, name="notify")

_db = typer.Typer(
    cls=_Listed, no_args_is_help=True, rich_markup_mode=None, help="The database: rehearse, restore."
)
for _name, _verb in db.VERBS.items():
    _add(_db, _name, _verb)
app.add_typer(_db, name="db")

_models = typer.Typer(
    cls=_Listed, no_args_is_help=True, rich_markup_mode=None, help="AI models: stored once, never changed."
)
for _name, _verb in models.VERBS.items():
    _add(_models, _name, _verb)
app.add_typer(_models, name="models")


def main() -> None:
    """The console script."""
    app()
