from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from migrations_engine.errors import NoSpace
from migrations_engine.lone.reserve import Reserve

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 5_000_000


def room_taken(reserve: Reserve) -> int:
    assert reserve._file is not None
    return os.fstat(reserve._file.fileno()).st_blocks * 512


def test_the_room_is_taken_by_a_file_that_nobody_sees(tmp_path: Path) -> None:
    with Reserve(str(tmp_path / "a.db"), size=SIZE) as reserve:
        assert room_taken(reserve) >= SIZE
        assert list(tmp_path.iterdir()) == []


def test_the_room_may_be_given_back_early_and_twice(tmp_path: Path) -> None:
    with Reserve(str(tmp_path / "a.db"), size=SIZE) as reserve:
        reserve.release()
        reserve.release()
        assert reserve._file is None


def test_a_disk_without_that_room_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(NoSpace, match=r"a\.db") as caught:
        Reserve(str(tmp_path / "a.db"), size=SIZE)
    assert caught.value.needed == SIZE
