"""Words from outside as text: what is shown, journalled or sent moves no cursor and forges no line.

Answers of version endpoints, tags, messages of AWS, the output of commands and journals that others wrote are
words from outside. Standard library only: every layer may import this module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar, cast

T = TypeVar("T")

LONGEST = 20_000
"""Characters of a text. An item of DynamoDB holds 400 KB, and nobody reads more."""
_CUT = " [....] "
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colors, cursor
    r"|(?:\x1b[]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"  # OSC, DCS: titles
    r"|\x1b[ -/]*[0-~]"
)
"""Escape sequences of ECMA-48: they go as a whole, so that of a color nothing like `[31m` is left."""
_BREAKS = re.compile(r"\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_COMMANDS = re.compile(r"^(\s*)(?=::|##\[)", re.MULTILINE)
"""GitHub Actions and Azure Pipelines take lines that begin so for commands, whoever has written them."""


def lines(words: str) -> str:
    """`words` without anything that is no text; line breaks and tabs stay. Twice is once."""
    if len(words) <= LONGEST and words.isascii() and words.isprintable() and words[:2] not in ("::", "##"):
        return words
    if len(words) > LONGEST:
        # Before anything else: the time this takes is bounded as well.
        half = (LONGEST - len(_CUT)) // 2
        words = words[:half] + _CUT + words[-half:]
    words = _BREAKS.sub("\n", _SEQUENCE.sub("", words))
    words = "".join(sign if sign.isprintable() or sign in "\n\t" else " " for sign in words)
    return no_commands(words)


def no_commands(shown: str) -> str:
    """Lines as a pipeline may read them; also of a table, which breaks words where it likes."""
    return _COMMANDS.sub(r"\1| ", shown)


def folded(words: str) -> str:
    """`words`; what follows their first line is marked, so that it looks like no line of ours."""
    return lines(words).replace("\n", "\n  | ")


def one_line(words: str, limit: int = LONGEST) -> str:
    """`words` as one line of at most `limit` characters."""
    line = " ".join(lines(words).split())
    return line if len(line) <= limit else f"{line[: limit - 4]} ..."


def clean(value: T) -> T:
    """`value` with each text in it as `lines` gives it: in frozen dataclasses, tuples, lists and mappings."""
    return cast("T", _clean(value))


def _clean(value: Any) -> Any:
    found = value
    if type(value) is str:  # an enum's member is one of ours
        found = lines(value)
    elif is_dataclass(value) and not isinstance(value, type):
        before = {field.name: getattr(value, field.name) for field in fields(value) if field.init}
        changed = {name: new for name, old in before.items() if (new := _clean(old)) is not old}
        found = replace(value, **changed) if changed else value
    elif isinstance(value, Mapping):
        pairs = {_clean(name): _clean(one) for name, one in value.items()}
        found = pairs if any(pairs.get(name) is not one for name, one in value.items()) else value
    elif type(value) in (tuple, list):
        each = type(value)(_clean(one) for one in value)
        found = each if any(new is not old for new, old in zip(each, value, strict=True)) else value
    return found
