"""The search of the top bar: any identifier, name or address of the account, in all regions."""

from __future__ import annotations

from itertools import groupby

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from console import hooks
from console.htmx import is_fragment
from console.requests import ConsoleRequest

OF_A_KIND = 6
LONGEST = 200


@require_safe
@login_required
def find(request: ConsoleRequest) -> HttpResponse:
    """Show what is found for a text, grouped by kind; htmx fetches the results alone."""
    text = request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST]
    found = hooks.search(request, text, OF_A_KIND) if text and request.account else []
    groups = [(kind, list(members)) for kind, members in groupby(found, key=lambda each: each.kind)]
    template = "console/find_results.html" if is_fragment(request) else "console/find.html"
    return render(request, template, {"text": text, "groups": groups})
