"""The search grammar of the Log Service: a recursive descent parser (facts, section 5.4).

any     := all ("or" all)*
all     := one (["and"] one)*
one     := "not" one | "(" any ")" | condition
condition := key ":" value | key comparison number | key "in" range | value
range   := ("[" | "(") number number ("]" | ")")
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

from .columns import COLUMNS, closest
from .errors import QueryError, error_at
from .terms import RESERVED, Comparison, Everything, Not, Operator, Range, Search, Term, both, either
from .tokens import Token, tokenize

MOST_CONDITIONS = 30
DEEPEST = 30
_LARGEST = 2**63 - 1
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")


def parse(text: str) -> tuple[Search, int | None]:
    """Return the tree of the search part, and the offset of the ``|`` before the SQL part if there is one.

    Raises QueryError with the place and what was expected there.
    """
    tokens, pipe = tokenize(text)
    return _Parser(text, tokens).parse(), pipe


class _Parser:
    def __init__(self, text: str, tokens: list[Token]) -> None:
        self._text = text
        self._tokens = tokens
        self._place = 0
        self._conditions = 0
        self._depth = 0

    def parse(self) -> Search:
        if self._at_end():
            return Everything()
        tree = self._any()
        if not self._at_end():
            raise self._error(f"Unexpected {self._next.text!r}", ["and", "or", "not", "|"])
        return tree

    def _any(self) -> Search:
        operands = [self._all()]
        while self._is_keyword("or"):
            self._take()
            operands.append(self._all())
        return either(operands)

    def _all(self) -> Search:
        operands = [self._one()]
        while not (self._at_end() or self._is_keyword("or") or self._is_sign(")")):
            if self._is_keyword("and"):
                self._take()
            operands.append(self._one())
        return both(operands)

    def _one(self) -> Search:
        with self._deeper():
            if self._is_keyword("not"):
                self._take()
                return Not(self._one())
            if self._is_sign("("):
                return self._group()
            return self._condition()

    def _group(self) -> Search:
        opening = self._take()
        inner = self._any()
        if self._at_end():
            raise self._error("The parenthesis is not closed", [")"], opening)
        self._expect(")")
        return inner

    def _condition(self) -> Search:
        self._count_condition()
        if self._next.kind not in ("word", "quoted") or self._is_keyword("and") or self._is_keyword("or"):
            shown = repr(self._next.text) if self._next.text else "the end of the query"
            raise self._error(f"Unexpected {shown}", ["a value", "field:value", "(", "not"])
        token = self._take()
        if self._is_sign(":"):
            return self._value_of(self._field(token))
        if self._is_sign("=", ">", ">=", "<", "<="):
            return self._comparison(token)
        if self._begins_range():
            return self._range(token)
        return self._bare(token)

    def _bare(self, token: Token) -> Search:
        if token.kind == "quoted":
            return Term(token.text)
        if token.text == "*":
            return Everything()
        if token.text.lower() in RESERVED:
            raise self._error(f"{token.text} is a reserved word", [f'"{token.text}"'], token)
        return Term(token.text, wildcard=self._is_wildcard(token))

    def _value_of(self, field: str) -> Search:
        self._take()
        token = self._next
        if token.kind not in ("word", "quoted"):
            raise self._error(f"{field} needs a value", ["a value", '"a quoted value"', "*"])
        self._take()
        if COLUMNS[field] == "long" and token.text not in ("", "-", "*"):
            return Comparison(field, "=", self._integer(token, field))
        return Term(token.text, field, token.kind == "word" and self._is_wildcard(token))

    def _comparison(self, key: Token) -> Search:
        field = self._number_field(key)
        operator = cast(Operator, self._take().text)
        return Comparison(field, operator, self._integer(self._take_value(), field))

    def _range(self, key: Token) -> Search:
        field = self._number_field(key)
        self._take()
        low_included = self._take().text == "["
        low = self._integer(self._take_value(), field)
        if self._is_sign(","):
            self._take()
        high = self._integer(self._take_value(), field)
        high_included = self._expect("]", ")").text == "]"
        return Range(field, low, high, low_included, high_included)

    def _begins_range(self) -> bool:
        if self._next.kind != "word" or self._next.text != "in":
            return False
        after = self._tokens[self._place + 1]
        return after.kind == "sign" and after.text in "(["

    def _field(self, token: Token) -> str:
        field = token.text.lower()
        if field not in COLUMNS:
            message = (
                f"key ({token.text}) is not config as key value config,"
                'if symbol : is in your log,please wrap : with quotation mark "'
            )
            raise self._error(message, closest(token.text), token)
        return field

    def _number_field(self, token: Token) -> str:
        field = self._field(token)
        if COLUMNS[field] != "long":
            raise self._error(
                f"{field} holds text; comparisons need a number field", [f"{field}:value"], token
            )
        return field

    def _integer(self, token: Token, field: str) -> int:
        if not _INTEGER.fullmatch(token.text) or abs(int(token.text)) > _LARGEST:
            expected = ["a whole number", f"{field} > number", f"{field} in [low high]"]
            raise self._error(f"{field} holds whole numbers, not {token.text!r}", expected, token)
        return int(token.text)

    def _is_wildcard(self, token: Token) -> bool:
        wildcard = "*" in token.text or "?" in token.text
        if wildcard and token.text != "*" and token.text[0] in "*?":
            raise self._error("A value cannot begin with a wildcard", ["a character before * or ?"], token)
        return wildcard

    def _take_value(self) -> Token:
        if self._next.kind not in ("word", "quoted"):
            raise self._error("A number is missing", ["a whole number"])
        return self._take()

    def _count_condition(self) -> None:
        self._conditions += 1
        if self._conditions > MOST_CONDITIONS:
            raise self._error(f"A search has at most {MOST_CONDITIONS} conditions", ["|"])

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._error(f"A search is nested at most {DEEPEST} deep")
        yield
        self._depth -= 1

    @property
    def _next(self) -> Token:
        return self._tokens[self._place]

    def _at_end(self) -> bool:
        return self._next.kind == "end"

    def _take(self) -> Token:
        token = self._tokens[self._place]
        self._place += 1
        return token

    def _expect(self, *signs: str) -> Token:
        if not self._is_sign(*signs):
            raise self._error(f"{signs[0]} is missing", list(signs))
        return self._take()

    def _is_keyword(self, word: str) -> bool:
        return self._next.kind == "word" and self._next.text.lower() == word

    def _is_sign(self, *signs: str) -> bool:
        return self._next.kind == "sign" and self._next.text in signs

    def _error(self, message: str, expected: Sequence[str] = (), token: Token | None = None) -> QueryError:
        return error_at(self._text, (token or self._next).start, message, expected)
