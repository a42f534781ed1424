"""Reading tokens one after the other: what the grammar modules share."""

from __future__ import annotations

from typing import Final, NoReturn

from migrations_engine.sql.keywords import RESERVED
from migrations_engine.sql.lexer import Malformed, Token, tokenize, unquote

_END: Final = ("", "", "")
"""Stands behind the last word, so that looking ahead needs no check."""


class Cursor:
    """A place in a list of tokens; every ``accept`` and ``expect`` moves it on."""

    __slots__ = ("_count", "_index", "_tokens", "_words", "sql")

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self._tokens = tokenize(sql)
        self._words = [
            token.text.upper() if token.kind in ("word", "operator") else "" for token in self._tokens
        ]
        self._words += _END
        self._count = len(self._tokens)
        self._index = 0

    @property
    def done(self) -> bool:
        """Whether all tokens are read."""
        return self._index >= self._count

    @property
    def position(self) -> int:
        """The offset of the next token, or of the end of the text."""
        return self._tokens[self._index].start if self._index < self._count else len(self.sql)

    @property
    def behind(self) -> int:
        """The offset after the last token that was read."""
        return self._tokens[self._index - 1].end if self._index else 0

    def peek(self) -> Token | None:
        """The next token; None behind the last."""
        return self._tokens[self._index] if self._index < self._count else None

    def word(self, ahead: int = 0) -> str:
        """The next token, or the one after it, in upper case; empty where it is no word and no operator."""
        return self._words[self._index + ahead]

    def advance(self) -> Token:
        """Read the next token, whatever it is."""
        if self._index >= self._count:
            self.fail("something is missing at the end")
        self._index += 1
        return self._tokens[self._index - 1]

    def accept(self, *words: str) -> bool:
        """Read these words, three at most, if they come next: all or none."""
        for at, word in enumerate(words, self._index):
            if self._words[at] != word:
                return False
        self._index += len(words)
        return True

    def expect(self, *words: str) -> None:
        """Read these words.

        Raises:
            Malformed: Something else comes next.
        """
        for word in words:
            if not self.accept(word):
                self.fail(f"expected {word}, found {self.found()}")

    def name(self) -> str:
        """Read a name in any of its quotes."""
        token = self.peek()
        usable = token is not None and (
            token.kind in ("quoted", "string")
            or (token.kind == "word" and token.text.upper() not in RESERVED)
        )
        if not usable:
            self.fail(f"expected a name, found {self.found()}")
        return unquote(self.advance().text)

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
        start = self.position
        end = self.skip_expression()
        if end == start:
            self.fail("nothing stands between the parentheses")
        self.expect(")")
        return self.sql[start:end]

    def skip_expression(self, *, commas: bool = True) -> int:
        """Read on to the closing parenthesis of this level, to a semicolon or the end; the offset behind.

        Args:
            commas: Whether commas of this level belong to the expression too.
        """
        depth, end = 0, self.position
        while (token := self.peek()) is not None:
            if token.text == "(":
                depth += 1
            elif depth == 0 and (token.text in (")", ";") or (token.text == "," and not commas)):
                break
            elif token.text == ")":
                depth -= 1
            elif token.text == ";":
                self.fail("a semicolon stands inside parentheses")
            elif token.kind == "parameter":
                self.fail(f"parameters such as {token.text} have no place in a schema")
            end = token.end
            self._index += 1
        if depth:
            self.fail("a parenthesis is never closed")
        return end

    def entry(self) -> list[Token]:
        """Read the tokens up to the next comma or closing parenthesis of this level."""
        first = self._index
        self.skip_expression(commas=False)
        if first == self._index:
            self.fail(f"expected a column or an expression, found {self.found()}")
        return self._tokens[first : self._index]

    def rest(self) -> list[Token]:
        """Read all tokens that are left, but for semicolons at the end."""
        end = len(self._tokens)
        while end > self._index and self._tokens[end - 1].text == ";":
            end -= 1
        first, self._index = self._index, len(self._tokens)
        return self._tokens[first:end]

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
        token = self.peek()
        return "the end" if token is None else repr(token.text)

    def fail(self, message: str) -> NoReturn:
        """Raise Malformed at the next token."""
        raise Malformed(message, position=self.position)
