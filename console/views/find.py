"""The search of the top bar: any identifier, name or address of the account, in all regions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from console import hooks
from console.hooks import Found
from console.htmx import is_fragment
from console.requests import ConsoleRequest

OF_A_KIND = 6
LONGEST = 200


@dataclass(frozen=True)
class Group:
    """What was found of a kind: the first few, whether there is more, and the lists of it by region."""

    kind: Any
    members: list[Found]
    has_more: bool
    lists: dict[str, str]


@require_safe
@login_required
def find(request: ConsoleRequest) -> HttpResponse:
    """Show what is found for a text, grouped by kind; htmx fetches the results alone."""
    text = request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST]
    found = hooks.search(request, text, OF_A_KIND + 1) if text and request.account else []
    template = "console/find_results.html" if is_fragment(request) else "console/find.html"
    return render(request, template, {"text": text, "groups": list(_groups(found))})


def _groups(found: list[Found]) -> Iterator[Group]:
    """Yield what was found by kind; one more than is shown tells that there is more."""
    for kind, members in groupby(found, key=lambda each: each.kind):
        some = list(members)
        lists = {each.region: each.more for each in some if each.more}
        yield Group(kind, some[:OF_A_KIND], len(some) > OF_A_KIND, lists)
