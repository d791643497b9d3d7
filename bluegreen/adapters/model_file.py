"""A model's file on this machine, read in parts: its digest, and that it stays what it was."""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import AbstractContextManager
from pathlib import Path

from bluegreen.errors import ConfigError

_LEAST = 8 << 20
_MOST_PARTS = 10_000
"""S3, "Amazon S3 multipart upload limits": 10,000 parts, each of 5 MiB at least but the last."""


class ModelFile(AbstractContextManager["ModelFile"]):
    """A regular file, open for reading; never more than a part of it is in memory for each reader.

    Raises ConfigError where it cannot be read, or has changed since its digests were taken.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # Without O_NONBLOCK a pipe that nobody writes to is waited for in open itself (POSIX, open).
            self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise ConfigError(f"cannot read the model {path}: {error.strerror}") from error
        found = os.fstat(self._file)
        self.size = found.st_size
        if not stat.S_ISREG(found.st_mode) or not self.size:
            os.close(self._file)
            raise ConfigError(f"cannot read the model {path}: it must be a regular file that is not empty")
        self.part_size = max(_LEAST, -(-self.size // _MOST_PARTS))
        self._state = _state(found)
        self._digests: list[bytes] = []
        self.sha256 = self._digest()

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    @property
    def parts(self) -> range:
        """The numbers of its parts, from 1."""
        return range(1, -(-self.size // self.part_size) + 1)

    def length(self, number: int) -> int:
        """Bytes of a part."""
        return min(self.part_size, self.size - (number - 1) * self.part_size)

    def digest(self, number: int) -> bytes:
        """The SHA-256 of a part."""
        return self._digests[number - 1]

    def part(self, number: int) -> bytes:
        """The bytes of a part."""
        content = self._read(number)
        # A write through a memory mapping does not show here. Once the digests are known S3 refuses such
        # a part; before that only `models verify` and the host's check could tell.
        if _state(os.fstat(self._file)) != self._state:
            raise ConfigError(
                f"{self.path} has changed while it was read",
                next_step="wait until nothing writes to it, then push again under another version",
            )
        return content

    def _digest(self) -> str:
        whole = hashlib.sha256()
        for number in self.parts:
            content = self._read(number)
            whole.update(content)
            self._digests.append(hashlib.sha256(content).digest())
        return whole.hexdigest()

    def _read(self, number: int) -> bytes:
        begin = (number - 1) * self.part_size
        wanted, found = self.length(number), b""
        try:
            # One call reads 2 GiB at most (read(2)), and less where a signal comes.
            while len(found) < wanted and (
                more := os.pread(self._file, wanted - len(found), begin + len(found))
            ):
                found = found + more if found else more
        except OSError as error:
            raise ConfigError(f"cannot read the model {self.path}: {error.strerror}") from error
        return found


def _state(found: os.stat_result) -> tuple[int, int]:
    return found.st_size, found.st_mtime_ns
