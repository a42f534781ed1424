"""Values that are dear to make, kept for whoever asks next: the files of a fleet are few kinds of file."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

_Subject = TypeVar("_Subject")
_Value = TypeVar("_Value")
_Function = TypeVar("_Function", bound="Callable[..., Any]")

_SUBJECTS = 256


class Recent(Generic[_Value]):
    """A bounded memory: what was not asked for the longest goes first. Any thread may ask."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Hashable, _Value] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, key: Hashable) -> bool:
        """Whether a value is kept for a key."""
        with self._lock:
            return key in self._values

    def get(self, key: Hashable, make: Callable[[], _Value]) -> _Value:
        """The value of a key, made where it is not there; an error while making it is kept for nobody.

        Args:
            key: Everything that the value depends on.
            make: Makes the value.
        """
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        # Not under the lock: making one value may ask for another.
        value = make()
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._size:
                self._values.popitem(last=False)
        return value


class RecentOf(Generic[_Subject, _Value]):
    """What was made of values by identity: to find one by what it says would take as long as to make it."""

    def __init__(self, size: int) -> None:
        self._kept: Recent[tuple[_Subject, _Value]] = Recent(size)

    def get(self, subject: _Subject, make: Callable[[_Subject], _Value], *, beside: Hashable = ()) -> _Value:
        """What is made of a value.

        Args:
            subject: The value; nobody changes it.
            make: Makes it of the value.
            beside: What else it depends on.
        """
        # The subject is kept too, so that no other can have its id.
        _, value = self._kept.get((id(subject), beside), lambda: (subject, make(subject)))
        return value

    def has(self, subject: _Subject, *, beside: Hashable = ()) -> bool:
        """Whether what is made of a value is kept."""
        return (id(subject), beside) in self._kept


def derived(make: _Function) -> _Function:
    """Make a function remember what it made of its first argument, as ``RecentOf`` does, beside others."""
    known: RecentOf[Any, Any] = RecentOf(_SUBJECTS)

    @functools.wraps(make)
    def remembered(subject: Any, *beside: Hashable) -> Any:
        return known.get(subject, lambda _: make(subject, *beside), beside=beside)

    return cast("_Function", remembered)
