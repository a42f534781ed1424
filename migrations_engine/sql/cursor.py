"""Reading tokens one after the other: what the grammar modules share."""

from __future__ import annotations

from functools import cached_property
from itertools import accumulate
from typing import Final, NoReturn

from migrations_engine.sql.keywords import RESERVED
from migrations_engine.sql.lexer import Malformed, kind, pieces, unquote

_END: Final = ["", "", ""]
"""Stands behind the last word, so that looking ahead needs no check."""

_GROUPING: Final = frozenset(("(", ")", ";", ","))
_PARAMETERS: Final = frozenset("?:@$#")
_NAMES: Final = frozenset(("quoted", "string"))


class Cursor:
    """A place in a list of tokens; every ``accept`` and ``expect`` moves it on."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self._pieces = pieces(sql)
        self._words = [*map(str.upper, self._pieces[1::2]), *_END]
        self._count = self._words.index("")
        self._index = 0

    @cached_property
    def _ends(self) -> list[int]:
        """The offset behind each piece, for the few who ask for places."""
        return list(accumulate(map(len, self._pieces)))

    @property
    def done(self) -> bool:
        """Whether all tokens are read."""
        return self._index >= self._count

    @property
    def mark(self) -> int:
        """Where the cursor is, for ``since``."""
        return self._index

    def since(self, mark: int) -> str:
        """The text as written from a mark up to the last token that was read."""
        return "".join(self._pieces[2 * mark + 1 : 2 * self._index])

    @property
    def position(self) -> int:
        """The offset of the next token, or of the end of the text."""
        return self._ends[2 * self._index] if self._index < self._count else len(self.sql)

    @property
    def behind(self) -> int:
        """The offset after the last token that was read."""
        return self._ends[2 * self._index - 1] if self._index else 0

    def peek(self) -> str:
        """The next token as written; empty behind the last."""
        return self._pieces[2 * self._index + 1] if self._index < self._count else ""

    def word(self, ahead: int = 0) -> str:
        """The next token, or one after it, in upper case; empty behind the last."""
        return self._words[self._index + ahead]

    def advance(self) -> str:
        """Read the next token, whatever it is."""
        if self._index >= self._count:
            self.fail("something is missing at the end")
        self._index += 1
        return self._pieces[2 * self._index - 1]

    def accept(self, *words: str) -> bool:
        """Read these words, three at most, if they come next: all or none."""
        behind = self._index + len(words)
        if self._words[self._index] != words[0] or self._words[self._index : behind] != [*words]:
            return False
        self._index = behind
        return True

    def expect(self, *words: str) -> None:
        """Read these words.

        Raises:
            Malformed: Something else comes next.
        """
        for word in words:
            if self._words[self._index] != word:
                self.fail(f"expected {word}, found {self.found()}")
            self._index += 1

    def name(self) -> str:
        """Read a name in any of its quotes."""
        token = self.peek()
        of_kind = kind(token) if token else ""
        if of_kind not in _NAMES and (of_kind != "word" or self.word() in RESERVED):
            self.fail(f"expected a name, found {self.found()}")
        self._index += 1
        return token if of_kind == "word" else unquote(token)

    def names(self) -> tuple[str, ...]:
        """Read names in parentheses."""
        self.expect("(")
        found = [self.name()]
        while self.accept(","):
            found.append(self.name())
        self.expect(")")
        return tuple(found)

    def group(self) -> str:
        """Read a parenthesised expression; its text without these parentheses."""
        self.expect("(")
        start = self._index
        text = self.expression()
        if start == self._index:
            self.fail("nothing stands between the parentheses")
        self.expect(")")
        return text

    def expression(self, *, commas: bool = True) -> str:
        """Read on to the closing parenthesis of this level, to a semicolon or the end; its text as written.

        Args:
            commas: Whether commas of this level belong to the expression too.
        """
        start, depth = self._index, 0
        while (word := self._words[self._index]) != "":
            if word == "(":
                depth += 1
            elif word in _GROUPING:
                if depth == 0 and (word != "," or not commas):
                    break
                if word == ")":
                    depth -= 1
                elif word == ";":
                    self.fail("a semicolon stands inside parentheses")
            elif word[0] in _PARAMETERS:
                self.fail(f"parameters such as {self.peek()} have no place in a schema")
            self._index += 1
        if depth:
            self.fail("a parenthesis is never closed")
        return self.since(start)

    def entry(self) -> list[str]:
        """Read up to the next comma or closing parenthesis of this level: tokens and the gaps between."""
        first = self._index
        self.expression(commas=False)
        if first == self._index:
            self.fail(f"expected a column or an expression, found {self.found()}")
        return self._pieces[2 * first + 1 : 2 * self._index]

    def rest(self) -> list[str]:
        """Read all tokens that are left, but for semicolons at the end."""
        end = self._count
        while end > self._index and self._words[end - 1] == ";":
            end -= 1
        first, self._index = self._index, self._count
        return self._pieces[2 * first + 1 : 2 * end : 2]

    def finish(self) -> None:
        """Check that nothing but a semicolon is left.

        Raises:
            Malformed: More follows, such as a second statement.
        """
        while self.accept(";"):
            pass
        if not self.done:
            self.fail(f"more follows behind the end: {self.found()}")

    def found(self) -> str:
        """The next token for a message."""
        return repr(self.peek()) if not self.done else "the end"

    def fail(self, message: str) -> NoReturn:
        """Raise Malformed at the next token."""
        raise Malformed(message, position=self.position)
