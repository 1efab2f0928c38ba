"""The language of RAM policies.

A policy is a document {"Version": "1", "Statement": [{"Effect", "Action", "Resource"}]}. Actions such as
`vpc:CreateFlowLog` and resources such as `acs:vpc:cn-hangzhou:1000000000000001:flowlog/fl-…` may hold the
wildcards `*` and `?`. An explicit Deny wins over every Allow; what nothing allows is denied.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

ELEMENTS = {"Effect", "Action", "Resource"}


class PolicyError(ValueError):
    """A policy document that cannot be followed. The message is safe to show."""


@dataclass(frozen=True)
class Statement:
    """One sentence of a policy."""

    allows: bool
    actions: re.Pattern[str]
    resources: re.Pattern[str]

    def covers(self, action: str, resource: str) -> bool:
        """Tell whether the sentence speaks of this action on this resource."""
        return bool(self.actions.fullmatch(action) and self.resources.fullmatch(resource))


def parse(document: object) -> list[Statement]:
    """Return the statements of a policy document.

    Raises PolicyError for anything it does not know: a condition that is not understood must not be
    passed over.
    """
    statements = document.get("Statement") if isinstance(document, dict) else None
    if not isinstance(statements, list) or not statements:
        raise PolicyError('A policy needs a "Statement" list with at least one member.')
    return [_statement(each) for each in statements]


def allow(documents: Iterable[object], action: str, resource: str) -> bool:
    """Tell whether these policies together allow an action on a resource. Raises PolicyError."""
    statements = [each for document in documents for each in parse(document)]
    return {each.allows for each in statements if each.covers(action, resource)} == {True}


def _statement(source: object) -> Statement:
    if not isinstance(source, dict) or set(source) != ELEMENTS:
        raise PolicyError("A statement has exactly the elements Effect, Action and Resource.")
    if source["Effect"] not in ("Allow", "Deny"):
        raise PolicyError("Effect is Allow or Deny.")
    return Statement(
        allows=source["Effect"] == "Allow",
        # Actions are written in any case, resources are not.
        actions=_pattern(_words(source, "Action"), re.IGNORECASE),
        resources=_pattern(_words(source, "Resource"), 0),
    )


def _words(source: dict[str, Any], element: str) -> list[str]:
    words = [source[element]] if isinstance(source[element], str) else source[element]
    if not isinstance(words, list) or not words or not all(isinstance(word, str) and word for word in words):
        raise PolicyError(f"{element} is a text or a list of texts.")
    return words


def _pattern(words: Iterable[str], flags: int) -> re.Pattern[str]:
    # Runs of stars become one, so that no policy can make matching slow.
    collapsed = (re.sub(r"\*+", "*", word) for word in words)
    escaped = (re.escape(word).replace(r"\*", ".*").replace(r"\?", ".") for word in collapsed)
    return re.compile("|".join(escaped), flags | re.DOTALL)
