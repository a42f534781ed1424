"""Whether the process that carried an operation is gone, told without a clock."""

import subprocess
import sys
from dataclasses import replace

from workers.operations.owner import Owner


def ended():
    """The owner that a process was which has ended by now."""
    program = "from workers.operations.owner import Owner; print(Owner.myself())"
    text = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    return Owner.parse(text.strip())


def test_an_owner_comes_back_from_its_text():
    assert Owner.parse(str(Owner.myself())) == Owner.myself()


def test_a_living_process_is_not_gone():
    assert not Owner.myself().is_gone()


def test_a_process_that_has_ended_is_gone():
    assert ended().is_gone()


def test_a_later_process_with_the_same_pid_is_another():
    assert replace(Owner.myself(), started="1").is_gone()


def test_nothing_is_said_of_another_boot_or_another_container():
    gone = ended()
    assert not replace(gone, boot="another").is_gone()
    assert not replace(gone, namespace="pid:[1]").is_gone()


def test_a_text_that_is_no_owner_gives_none():
    assert Owner.parse("a person") is None
