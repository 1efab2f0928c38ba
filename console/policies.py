"""The language of RAM policies.

A policy is a document {"Version": "1", "Statement": [{"Effect", "Action", "Resource"}]}. Actions such as
`vpc:CreateFlowLog` and resources such as `acs:vpc:cn-hangzhou:1000000000000001:flowlog/fl-…` may hold the
wildcards `*` and `?`. An explicit Deny wins over every Allow; what nothing allows is denied.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from console import jsontexts

VERSION = "1"
LONGEST = 6144
"""Characters of a document; the limit of custom policies in RAM."""
ELEMENTS = ("Effect", "Action", "Resource")
EFFECTS = ("Allow", "Deny")


def gettext_noop(message: str) -> str:
    """Mark a message for the catalogues of translations; whoever shows it translates it."""
    return message


_ = gettext_noop
NO_OBJECT = _('A policy is an object: {"Version": "1", "Statement": […]}.')
NO_STATEMENTS = _('A policy needs a "Statement" list with at least one member.')
WRONG_VERSION = _('"Version" is "1".')
UNKNOWN_ELEMENT = _("%(element)s is no element of a policy: there are only Version and Statement.")
WRONG_ELEMENTS = _("A statement has exactly the elements Effect, Action and Resource.")
WRONG_EFFECT = _("Effect is Allow or Deny.")
WRONG_WORDS = _("%(element)s is a text or a list of texts.")
TOO_LONG = _("A policy has at most %(most)s characters.")
TOO_DEEP = _("The document is nested too deeply.")
NO_JSON = _("This is no JSON: %(reason)s.")
LONG_NUMBER = _("A number in the document is too long.")
TWICE = _("%(element)s stands twice in one object.")
UNFIT_CHARACTER = _("The document holds the character %(character)s, which no text may hold.")
_UNFIT = re.compile("[\x00\ud800-\udfff]")
"""NUL and lone surrogates: JSON can write them, what stores and shows texts cannot."""


class PolicyError(ValueError):
    """A policy document that cannot be followed. The message is safe to show.

    ``statement`` counts from 1; ``line`` and ``column`` say where the text is no JSON. ``message`` and
    ``params`` are the parts of the text, for those who translate it.
    """

    def __init__(
        self, message: str, *, statement: int | None = None, line: int = 0, column: int = 0, **params: Any
    ) -> None:
        super().__init__(message % params)
        self.message = message
        self.params = params
        self.statement = statement
        self.line = line
        self.column = column


@dataclass(frozen=True)
class Statement:
    """One sentence of a policy."""

    allows: bool
    actions: re.Pattern[str]
    resources: re.Pattern[str]

    def covers(self, action: str, resource: str) -> bool:
        """Tell whether the sentence speaks of this action on this resource."""
        return bool(self.actions.fullmatch(action) and self.resources.fullmatch(resource))


@dataclass(frozen=True)
class Match:
    """A statement that speaks of what was asked: which one of which document, both counted from 0."""

    document: int
    statement: int
    allows: bool


@dataclass(frozen=True)
class Decision:
    """What policies together say of an action on a resource, and which statements say so."""

    matches: tuple[Match, ...] = ()

    @cached_property
    def allowed(self) -> bool:
        """Whether something allows it and nothing denies it."""
        return {each.allows for each in self.matches} == {True}

    @cached_property
    def deciding(self) -> tuple[Match, ...]:
        """The statements that decide: every Deny if there is one, else every Allow."""
        denials = tuple(each for each in self.matches if not each.allows)
        return denials or self.matches


def parse(document: object) -> list[Statement]:
    """Return the statements of a policy document.

    Raises PolicyError for anything it does not know: a condition that is not understood must not be
    passed over.
    """
    statements = document.get("Statement") if isinstance(document, dict) else None
    if not isinstance(statements, list) or not statements:
        raise PolicyError(NO_STATEMENTS)
    return [_statement(number, each) for number, each in enumerate(statements, start=1)]


def problems(document: object) -> list[PolicyError]:
    """Return all that is wrong with a document that somebody writes; what `parse` follows may be less strict."""
    unfit = _unfit_character(document)
    if unfit:
        return [PolicyError(UNFIT_CHARACTER, character=unfit)]
    if not isinstance(document, dict):
        return [PolicyError(NO_OBJECT)]
    found = [
        PolicyError(UNKNOWN_ELEMENT, element=element)
        for element in document
        if element not in ("Version", "Statement")
    ]
    if document.get("Version") != VERSION:
        found.append(PolicyError(WRONG_VERSION))
    statements = document.get("Statement")
    if not isinstance(statements, list) or not statements:
        return [*found, PolicyError(NO_STATEMENTS)]
    for number, each in enumerate(statements, start=1):
        try:
            _statement(number, each)
        except PolicyError as error:
            found.append(error)
    return found


def read(text: str) -> Any:
    """Return the document that a text says in JSON. Raises PolicyError with line and column."""
    if len(text) > LONGEST:
        raise PolicyError(TOO_LONG, most=LONGEST)
    try:
        document = json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise PolicyError(
            NO_JSON, line=error.lineno, column=error.colno, reason=jsontexts.reason(error)
        ) from None
    except RecursionError:
        raise PolicyError(TOO_DEEP) from None
    except PolicyError:
        raise
    except ValueError:
        raise PolicyError(LONG_NUMBER) from None
    unfit = _unfit_character(document)
    if unfit:
        raise PolicyError(UNFIT_CHARACTER, character=unfit)
    return document


def decide(policies: Iterable[Sequence[Statement]], action: str, resource: str) -> Decision:
    """Return what policies, each as its statements, together say of an action on a resource, and why."""
    return Decision(
        tuple(
            Match(place, number, statement.allows)
            for place, statements in enumerate(policies)
            for number, statement in enumerate(statements)
            if statement.covers(action, resource)
        )
    )


def allow(documents: Iterable[object], action: str, resource: str) -> bool:
    """Tell whether these policies together allow an action on a resource. Raises PolicyError."""
    return decide(map(parse, documents), action, resource).allowed


def unmatched(document: object, actions: Iterable[str]) -> list[str]:
    """Return the words for actions in a document that speak of none of these; none of one that nobody can follow."""
    known = {action.lower() for action in actions}
    try:
        parse(document)
    except PolicyError:
        return []
    words = [word for each in document["Statement"] for word in _words(0, each, "Action")]  # type: ignore[index]
    return [word for word in dict.fromkeys(words) if word.lower() not in known and not _speaks(word, known)]


def _speaks(word: str, actions: Iterable[str]) -> bool:
    """Tell whether a word with wildcards speaks of any of these actions."""
    matches = re.compile(_expression(word), re.IGNORECASE | re.DOTALL).fullmatch
    return any(map(matches, actions))


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse what stands twice: a reader would see one of the two, we would follow the other."""
    found: dict[str, Any] = {}
    for element, value in pairs:
        if element in found:
            unfit = _unfit_character(element)
            raise (
                PolicyError(UNFIT_CHARACTER, character=unfit)
                if unfit
                else PolicyError(TWICE, element=element)
            )
        found[element] = value
    return found


def _unfit_character(document: object) -> str:
    """Return the first character of its texts that no text may hold, such as U+0000; empty if there is none."""
    waiting = [document]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            unfit = _UNFIT.search(each)
            if unfit:
                return f"U+{ord(unfit[0]):04X}"
        elif isinstance(each, dict):
            waiting += [*each, *each.values()]
        elif isinstance(each, list):
            waiting += each
    return ""


def _statement(number: int, source: object) -> Statement:
    if not isinstance(source, dict) or set(source) != set(ELEMENTS):
        raise PolicyError(WRONG_ELEMENTS, statement=number)
    if source["Effect"] not in EFFECTS:
        raise PolicyError(WRONG_EFFECT, statement=number)
    return Statement(
        allows=source["Effect"] == "Allow",
        # Actions are written in any case, resources are not.
        actions=_pattern(_words(number, source, "Action"), re.IGNORECASE),
        resources=_pattern(_words(number, source, "Resource"), 0),
    )


def _words(number: int, source: dict[str, Any], element: str) -> list[str]:
    words = [source[element]] if isinstance(source[element], str) else source[element]
    if not isinstance(words, list) or not words or not all(isinstance(word, str) and word for word in words):
        raise PolicyError(WRONG_WORDS, statement=number, element=element)
    return words


def _pattern(words: Iterable[str], flags: int) -> re.Pattern[str]:
    return re.compile("|".join(map(_expression, words)), flags | re.DOTALL)


def _expression(word: str) -> str:
    """Return the regular expression of a word with wildcards.

    Each star takes as little as it can and gives nothing back, so that no policy can make matching slow.
    """
    first, *more = (re.escape(part).replace(r"\?", ".") for part in re.split(r"\*+", word))
    if not more:
        return first
    *middle, last = more
    return first + "".join(f"(?>.*?{part})" for part in middle) + f".*{last}"
