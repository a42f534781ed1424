"""Functions that the tests of the dispatcher run in its child processes."""

import os
import time
from pathlib import Path


def double(arguments, report):
    report({"half": arguments["n"]})
    return arguments["n"] * 2


def fail(arguments, report):
    raise ValueError("seven is no number of mine")


def talk(arguments, report):
    print("a library prints this")  # noqa: T201 - it must not end up among the answers
    return os.environ.get("SAID")


def die_once(arguments, report):
    mark = Path(arguments["mark"])
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), 9)
    return "survived"


def die(arguments, report):
    os.kill(os.getpid(), 9)


def overlap(arguments, report):
    """Count how many run at once on the server, by the files that they keep while they run."""
    folder = Path(arguments["folder"])
    own = folder / str(os.getpid())
    own.touch()
    time.sleep(0.05)
    seen = len(list(folder.iterdir()))
    own.unlink()
    return seen


def linger(arguments, report):
    report(os.getpid())
    time.sleep(arguments["seconds"])
    Path(arguments["done"]).touch()
