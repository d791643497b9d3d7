"""Files that people name: regular ones, of a bounded size, in UTF-8; anything else is told at once.

A pipe would be waited for, a device never ends, and a file of gigabytes would fill the memory. Standard
library only: every layer may import this module.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

LIMIT = 1_000_000
"""Bytes of a file that a person or `pulumi up` writes; the shipped ones have a hundredth of it."""
_KINDS = (
    (stat.S_ISDIR, "it is a directory"),
    (stat.S_ISFIFO, "it is a pipe"),
    (stat.S_ISSOCK, "it is a socket"),
    (stat.S_ISCHR, "it is a device"),
    (stat.S_ISBLK, "it is a device"),
)
_OTHER_ENCODINGS = ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))


class UnreadableFileError(ValueError):
    """Why a file cannot be read, in words that follow its name and a colon."""


def read_text(path: Path, *, limit: int = LIMIT) -> str:
    """The text of a regular file of at most `limit` bytes in UTF-8, without a byte-order mark.

    Raises UnreadableFileError at once for anything else.
    """
    try:
        # Without O_NONBLOCK a pipe that nobody writes to is waited for in open itself (POSIX, open).
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:  # ValueError: a NUL in its name
        raise UnreadableFileError(_why(error)) from error
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            kind = next((words for holds, words in _KINDS if holds(found.st_mode)), "it is no file")
            raise UnreadableFileError(f"{kind}; it must be a regular file")
        # Not by its size alone: files of /proc have none, and others grow.
        if found.st_size > limit or len(content := _read(file, limit + 1)) > limit:
            raise UnreadableFileError(f"it is too long: it may have {limit:,} bytes")
    except OSError as error:
        raise UnreadableFileError(_why(error)) from error
    finally:
        os.close(file)
    return _decoded(content)


def _read(file: int, most: int) -> bytes:
    parts, left = [], most
    while left > 0 and (part := os.read(file, min(left, 1 << 20))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _decoded(content: bytes) -> str:
    for mark, name in _OTHER_ENCODINGS:
        if content.startswith(mark):
            raise UnreadableFileError(f"it is not UTF-8 text but {name}; save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = f"byte 0x{content[error.start]:02x} in line {line}"
        raise UnreadableFileError(f"it is not UTF-8 text: {byte}") from error
    if "\0" in text:
        raise UnreadableFileError("it is not UTF-8 text: it holds NUL, as UTF-16 and binary files do")
    return text.replace("\r\n", "\n")


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
