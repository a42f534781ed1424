"""Files that commands write for people: whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from migrations_engine.commands import output


def hand_over(text: str, name: str, *, to: Path | None, as_json: bool) -> None:
    """Print a text that a command made, or write it where the user wants it.

    Args:
        text: The text.
        name: What it is called in the document for programs.
        to: The file, or None to print.
        as_json: Whether a program asks.
    """
    if to is not None:
        write(to, text)
    if as_json:
        output.document({name: text} if to is None else {"output": str(to)})
    elif to is None:
        output.text(text)
    else:
        output.say(f"{to} is written.")


def write(path: Path, text: str) -> None:
    """Put a text into a file in one step; a file that is there keeps its mode, a link stays a link.

    Raises:
        OSError: It cannot be written; what is there is as it was.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        # A pipe or a device: there is nothing to replace.
        target.write_text(text, encoding="utf-8")
        return
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            # Else a power cut could leave an empty file under the old name.
            os.fsync(file.fileno())
        _set_mode(Path(name), target)
        Path(name).replace(target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise


def _set_mode(made: Path, like: Path) -> None:
    """Give a file the mode of the one that it replaces, or the mode of any new file."""
    if like.exists():
        shutil.copymode(like, made)
        return
    mask = os.umask(0)
    os.umask(mask)
    made.chmod(0o666 & ~mask)
