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

from console.texts import Text

from .columns import COLUMNS, closest
from .errors import QueryError, error_at
from .terms import RESERVED, Comparison, Everything, Not, Operator, Range, Search, Term, both, either
from .tokens import Token, tokenize

_ = Text
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
            raise self._error(_("Unexpected %(text)s", text=repr(self._next.text)), ["and", "or", "not", "|"])
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
            raise self._error(_("The parenthesis is not closed"), [")"], opening)
        self._expect(")")
        return inner

    def _condition(self) -> Search:
        self._count_condition()
        if self._next.kind not in ("word", "quoted") or self._is_keyword("and") or self._is_keyword("or"):
            shown = repr(self._next.text) if self._next.text else _("the end of the query")
            expected: list[Text | str] = [_("a value"), "field:value", "(", "not"]
            raise self._error(_("Unexpected %(text)s", text=shown), expected)
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
            raise self._error(_("%(word)s is a reserved word", word=token.text), [f'"{token.text}"'], token)
        return Term(token.text, wildcard=self._is_wildcard(token))

    def _value_of(self, field: str) -> Search:
        self._take()
        token = self._next
        if token.kind not in ("word", "quoted"):
            raise self._error(
                _("%(field)s needs a value", field=field), [_("a value"), _('"a quoted value"'), "*"]
            )
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
            message = _(
                "key (%(key)s) is not config as key value config,"
                'if symbol : is in your log,please wrap : with quotation mark "',
                key=token.text,
            )
            raise self._error(message, closest(token.text), token)
        return field

    def _number_field(self, token: Token) -> str:
        field = self._field(token)
        if COLUMNS[field] != "long":
            message = _("%(field)s holds text; comparisons need a number field", field=field)
            raise self._error(message, [f"{field}:value"], token)
        return field

    def _integer(self, token: Token, field: str) -> int:
        if not _INTEGER.fullmatch(token.text) or abs(int(token.text)) > _LARGEST:
            expected: list[Text | str] = [_("a whole number"), f"{field} > 0", f"{field} in [0 100]"]
            message = _("%(field)s holds whole numbers, not %(text)s", field=field, text=repr(token.text))
            raise self._error(message, expected, token)
        return int(token.text)

    def _is_wildcard(self, token: Token) -> bool:
        wildcard = "*" in token.text or "?" in token.text
        if wildcard and token.text != "*" and token.text[0] in "*?":
            expected = [_("a character before * or ?")]
            raise self._error(_("A value cannot begin with a wildcard"), expected, token)
        return wildcard

    def _take_value(self) -> Token:
        if self._next.kind not in ("word", "quoted"):
            raise self._error(_("A number is missing"), [_("a whole number")])
        return self._take()

    def _count_condition(self) -> None:
        self._conditions += 1
        if self._conditions > MOST_CONDITIONS:
            message = _("A search has at most %(most)s conditions", most=MOST_CONDITIONS)
            raise self._error(message, ["|"])

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._error(_("A search is nested at most %(most)s deep", most=DEEPEST))
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
            raise self._error(_("%(sign)s is missing", sign=signs[0]), list(signs))
        return self._take()

    def _is_keyword(self, word: str) -> bool:
        return self._next.kind == "word" and self._next.text.lower() == word

    def _is_sign(self, *signs: str) -> bool:
        return self._next.kind == "sign" and self._next.text in signs

    def _error(
        self, message: Text, expected: Sequence[Text | str] = (), token: Token | None = None
    ) -> QueryError:
        return error_at(self._text, (token or self._next).start, message, expected)
