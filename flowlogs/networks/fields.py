"""The parameters of network resources: what a form, a file and the change history say of them.

A field reads what was entered, as text or as JSON has it, into a value, and writes a value as text. Values are
texts, numbers, truth values and tuples of texts; an empty text stands for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from flowlogs import network_rules
from flowlogs.rules import RuleError, Violation

LENGTH = 256
MOST_MEMBERS = 1000
"""Members of a list: more than any resource has."""
TRUE = ("true", "yes", "1", "on")
FALSE = ("false", "no", "0", "off")
_BETWEEN = re.compile(r"[\s;,]+")

Check = Callable[[str, str], Sequence[Violation]]


@dataclass(frozen=True, kw_only=True)
class Field:
    """A text. ``fixed`` is what cannot be changed after creation; ``check`` a rule that takes value and name."""

    name: str
    label: Any
    required: bool = False
    fixed: bool = False
    default: Any = ""
    help: Any = ""
    check: Check | None = None

    def read(self, raw: Any) -> Any:
        """Return the value of what was entered. Raises RuleError."""
        value = self._value(raw)
        found = self.check(value, self.name) if self.check is not None and value else ()
        if found:
            raise RuleError(*found)
        return value

    def text(self, value: Any) -> str:
        """Return a value as text that ``read`` understands."""
        return str(value)

    def json(self, value: Any) -> Any:
        """Return a value as JSON has it."""
        return value

    def stored(self, value: Any) -> Any:
        """Return a value as the model has it."""
        return value

    def loaded(self, value: Any) -> Any:
        """Return what the model has as a value."""
        return value

    def _value(self, raw: Any) -> Any:
        text = self._text(raw)
        if len(text) > LENGTH:
            raise self._broken("TooLong", length=LENGTH)
        return text

    def _text(self, raw: Any) -> str:
        text = "" if raw is None else str(raw).strip()
        if isinstance(raw, bool | list | dict):
            raise self._broken("PlainText")
        if "\x00" in text:
            raise self._broken("NulCharacter")
        return text

    def _broken(self, code: str, **params: Any) -> RuleError:
        return RuleError(Violation(code, self.name, params))


@dataclass(frozen=True, kw_only=True)
class Reference(Field):
    """The ID of a resource of another kind, which must exist."""

    to: str

    def stored(self, value: Any) -> Any:
        """Return a value as the model has it."""
        return value or None

    def loaded(self, value: Any) -> Any:
        """Return what the model has as a value."""
        return value or ""


@dataclass(frozen=True, kw_only=True)
class Choice(Field):
    """One of a few words; the label of a choice, as the pages show it, is understood as well."""

    choices: Sequence[tuple[str, Any]] = ()

    def _value(self, raw: Any) -> str:
        text = self._text(raw)
        words = {str(label).lower(): word for word, label in self.choices} | {
            word: word for word, _label in self.choices
        }
        if text and text.lower() not in words:
            known = ", ".join(word for word, _label in self.choices)
            raise self._broken("OneOf", value=text, choices=known)
        return words.get(text.lower(), "")


@dataclass(frozen=True, kw_only=True)
class Number(Field):
    """A whole number."""

    def _value(self, raw: Any) -> int | str:
        text = self._text(raw)
        if text and not re.fullmatch(r"-?[0-9]{1,9}", text):
            raise self._broken("WholeNumber", value=text)
        return int(text) if text else ""


@dataclass(frozen=True, kw_only=True)
class Flag(Field):
    """True or false."""

    def text(self, value: Any) -> str:
        """Return a value as text that ``read`` understands."""
        return "true" if value else "false"

    def _value(self, raw: Any) -> bool | str:
        if isinstance(raw, bool):
            return raw
        text = self._text(raw).lower()
        if not text:
            return ""
        if text not in (*TRUE, *FALSE):
            raise self._broken("TrueOrFalse", value=text)
        return text in TRUE


@dataclass(frozen=True, kw_only=True)
class Cidr(Field):
    """A CIDR block, in its shortest form."""

    version: int | None = None

    def _value(self, raw: Any) -> str:
        return _cidr(self._text(raw), self.name, self.version)


@dataclass(frozen=True, kw_only=True)
class Peer(Field):
    """The other side of a rule: a CIDR block, or the ID of a security group."""

    def _value(self, raw: Any) -> str:
        text = self._text(raw)
        if "/" in text:
            return _cidr(text, self.name, None)
        if text and network_rules.identifier(text):
            raise self._broken("RulePeer", value=text)
        return text


@dataclass(frozen=True, kw_only=True)
class Address(Field):
    """An IP address, in its shortest form."""

    version: int | None = None

    def _value(self, raw: Any) -> str:
        return _address(self._text(raw), self.name, self.version)

    def stored(self, value: Any) -> Any:
        """Return a value as the model has it."""
        return value or None

    def loaded(self, value: Any) -> Any:
        """Return what the model has as a value."""
        return value or ""


@dataclass(frozen=True, kw_only=True)
class Words(Field):
    """Texts with a semicolon, a comma or white space between them; a list in JSON. Each counts once."""

    default: Any = ()

    def text(self, value: Any) -> str:
        """Return a value as text that ``read`` understands."""
        return ";".join(value)

    def json(self, value: Any) -> Any:
        """Return a value as JSON has it."""
        return list(value)

    def _value(self, raw: Any) -> tuple[str, ...]:
        if isinstance(raw, list | tuple):
            words = [self._text(each) for each in raw]
        else:
            words = _BETWEEN.split(self._text(raw), MOST_MEMBERS)
        if len(words) > MOST_MEMBERS:
            raise self._broken("TooMany", most=f"{MOST_MEMBERS:,}")
        return tuple(dict.fromkeys(self._word(word) for word in words if word))

    def _word(self, word: str) -> str:
        return word


@dataclass(frozen=True, kw_only=True)
class References(Words):
    """IDs of resources of another kind, which must exist."""

    to: str

    def loaded(self, value: Any) -> Any:
        """Return what the model has as a value."""
        return tuple(value)


@dataclass(frozen=True, kw_only=True)
class Cidrs(Words):
    """CIDR blocks."""

    def _word(self, word: str) -> str:
        return _cidr(word, self.name, None)


@dataclass(frozen=True, kw_only=True)
class Addresses(Words):
    """IP addresses of one version."""

    version: int | None = None

    def _word(self, word: str) -> str:
        return _address(word, self.name, self.version)


def said(fields: Sequence[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as the change history has them, without those that say nothing."""
    return {
        each.name: each.json(values[each.name])
        for each in fields
        if each.name in values and values[each.name] not in ("", ())
    }


def _cidr(text: str, field: str, version: int | None) -> str:
    if not text:
        return ""
    found = network_rules.cidr_block(text, field, version)
    if found:
        raise RuleError(*found)
    return str(ip_network(text))


def _address(text: str, field: str, version: int | None) -> str:
    if not text:
        return ""
    found = network_rules.one_address(text, field, version)
    if found:
        raise RuleError(*found)
    return str(ip_address(text))
