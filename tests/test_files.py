"""Files that are not what they seem: one clear error at once, no waiting, no memory."""

from __future__ import annotations

import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bluegreen.adapters.connect import read_contract_file
from bluegreen.errors import ConfigError
from bluegreen.files import LIMIT, UnreadableFileError, read_text
from bluegreen.lab import lifecycle, starting
from bluegreen.policy import load_policy
from tests.ui.samples import contract
from tools.recording import REPOSITORY

SHIPPED = (REPOSITORY / "deploy.toml").read_text(encoding="utf-8")
GOLDEN_TABLE = '\n[golden]\nfile = "golden.jsonl"\npath = "/api/ai"\nanswer = "label"\nminimum = 20\n'
QUESTION = '{"input": "run", "label": "läuft"}\n'
LATE = 5.0
"""Seconds that no refusal takes."""


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(3_000_000_000)


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _terminal(path: Path) -> None:
    path.symlink_to("/dev/null")


def _loop(path: Path) -> None:
    path.symlink_to(path)


ODD: dict[str, tuple[Callable[[Path], object], str]] = {
    "directory": (Path.mkdir, "it is a directory"),
    "pipe": (_fifo, "it is a pipe"),
    "socket": (_socket, "No such device"),
    "/dev/zero": (_endless, "it is a device"),
    "/dev/null": (_terminal, "it is a device"),
    "3 GB": (_huge, "it is too long"),
    "loop": (_loop, "symbolic links"),
    "nothing": (lambda _: None, "No such file"),
    "UTF-16": (lambda path: path.write_text("[rollout]", encoding="utf-16"), "UTF-16; save it as UTF-8"),
    "UTF-16 without a mark": (lambda path: path.write_text("[rollout]", encoding="utf-16-le"), "NUL"),
    "Latin-1": (lambda path: path.write_bytes(b"# one\n# l\xe4uft\n"), "byte 0xe4 in line 2"),
    "binary": (lambda path: path.write_bytes(bytes(range(256))), "it is not UTF-8 text"),
}


@pytest.fixture
def bounded() -> Iterator[None]:
    """Neither time nor memory is used up."""
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    yield
    assert time.monotonic() - began < LATE
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000, "kilobytes"


def the_policy(path: Path) -> None:
    load_policy(path, stack="prod")


def the_golden_set(path: Path) -> None:
    policy = path.parent / "deploy.toml"
    policy.write_text(SHIPPED + GOLDEN_TABLE.replace("golden.jsonl", path.name), encoding="utf-8")
    load_policy(policy, stack="prod")


def the_contract(path: Path) -> None:
    read_contract_file(path)


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("read", [the_policy, the_golden_set, the_contract])
def test_what_is_no_text_file_is_told_at_once(tmp_path: Path, read: Callable[[Path], None], odd: str) -> None:
    make, said = ODD[odd]
    path = tmp_path / "given"
    make(path)
    with pytest.raises(ConfigError, match="cannot read") as caught:
        read(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    """Editors on Windows write it, and end their lines with CR LF."""
    (tmp_path / "golden.jsonl").write_text(QUESTION * 20, encoding="utf-8-sig")
    policy = tmp_path / "deploy.toml"
    policy.write_bytes(b"\xef\xbb\xbf" + (SHIPPED + GOLDEN_TABLE).replace("\n", "\r\n").encode())
    found = load_policy(policy, stack="prod").golden
    assert found is not None
    assert [row.label for row in found.rows] == ["läuft"] * 20
    document = tmp_path / "contract.json"
    document.write_text(contract().to_json(), encoding="utf-8-sig")
    assert read_contract_file(document) == contract()


def test_a_file_that_grows_is_read_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "growing"
    path.write_bytes(b"x" * LIMIT)
    assert len(read_text(path)) == LIMIT
    with pytest.raises(UnreadableFileError, match="too long"):
        read_text(path, limit=LIMIT - 1)
    assert read_text(Path("/proc/self/status"))  # a regular file whose size is 0
    with pytest.raises(UnreadableFileError, match="too long"):
        read_text(Path("/proc/self/status"), limit=10)


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = " + "{a=" * 100_000])
def test_a_policy_that_is_nested_without_end(tmp_path: Path, text: str) -> None:
    path = tmp_path / "deploy.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        load_policy(path, stack="prod")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5_000])
def test_a_contract_that_is_nested_without_end(tmp_path: Path, text: str) -> None:
    path = tmp_path / "contract.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        read_contract_file(path)


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("odd", ODD)
def test_what_a_lab_left_is_read_the_same_way(tmp_path: Path, odd: str) -> None:
    ODD[odd][0](tmp_path / "lab.json")
    ODD[odd][0](tmp_path / "control.pid")
    assert lifecycle._read(tmp_path) is None
    assert starting.recorded(tmp_path) == {}
