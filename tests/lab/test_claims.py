"""What a lab needs for itself before anything of it starts."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from bluegreen.errors import Refused
from bluegreen.lab import lifecycle


def test_a_directory_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    for place in (tmp_path / "file", tmp_path / "file" / "lab"):
        with pytest.raises(Refused, match="cannot keep its files in") as told:
            lifecycle.up(place)
        assert "--state-dir" in str(told.value)


def test_a_full_disk_keeps_a_lab_from_starting_and_not_from_stopping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "write", full)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3 * 2**20))
    with pytest.raises(Refused, match="no space for a lab: 3 MB free"):
        lifecycle.up(tmp_path)
    assert lifecycle.down(tmp_path) is False
