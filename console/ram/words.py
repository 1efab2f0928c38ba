"""The words that a policy may consist of: what the editor of policies offers beside the document."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.utils.translation import gettext_lazy as _

from console import actions
from console.access import resource_name
from console.models import Account

READING = ("Describe", "Get", "List")


@dataclass(frozen=True)
class Word:
    """A word that can be inserted, and in words what it stands for."""

    text: str
    label: Any = ""


@dataclass(frozen=True)
class Group:
    """Words of one service for one element of a statement, ``Action`` or ``Resource``."""

    element: str
    service: str
    words: list[Word]


def offered(account: Account) -> list[Group]:
    """Return the known actions by service, then the resources of the account, in all regions, by theirs."""
    return [*_action_groups(actions.known()), *_resource_groups(account)]


def _action_groups(known: Iterable[str]) -> list[Group]:
    return [
        Group("Action", service, [*_wide(service, list(names := list(found))), *map(Word, names)])
        for service, found in groupby(known, key=lambda action: action.partition(":")[0])
    ]


def _wide(service: str, names: list[str]) -> list[Word]:
    """Return words with wildcards: all actions of a service, and all that read."""
    verbs = [verb for verb in READING if sum(name.startswith(f"{service}:{verb}") for name in names) > 1]
    reading = [Word(f"{service}:{verb}*", _("Reading")) for verb in verbs]
    return [Word(f"{service}:*", _("All actions")), *reading]


def _resource_groups(account: Account) -> list[Group]:
    groups = [Group("Resource", "", [Word("*", _("All resources"))])]
    for service, found in groupby(actions.resources(), key=lambda each: each.service):
        names = [(resource_name(service, "*", account.pk, each.path), each.label) for each in found]
        groups.append(Group("Resource", service, [Word(name, label) for name, label in names]))
    return groups
