"""What the keys do: a panel under `?`, a page of its own without scripts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from console.requests import ConsoleRequest


@dataclass(frozen=True)
class Shortcut:
    """Keys that are pressed together, and what they do; single keys can be switched off."""

    keys: tuple[str, ...]
    does: Any
    is_single: bool = False


SHORTCUTS = (
    Shortcut(("Ctrl", "K"), _("Search identifiers and addresses")),
    Shortcut(("/",), _("Go to the search field of the page"), is_single=True),
    Shortcut(("c",), _("Create a flow log (on the list of flow logs)"), is_single=True),
    Shortcut(("?",), _("Show these keys"), is_single=True),
    Shortcut(
        ("Esc",), _("Close the menu, panel or dialog that is open, or leave a cell without changing it")
    ),
    Shortcut(("↑", "↓"), _("Go through what the search has found")),
    Shortcut(("Enter",), _("Open what is chosen in the search, or its first result")),
    Shortcut(
        ("←", "→"), _("Go through the bars of the histogram above log records; Home and End go to its ends")
    ),
)


@require_safe
@login_required
def shortcuts(request: ConsoleRequest) -> HttpResponse:
    """List the keys and offer to switch the single ones off, or on again."""
    return render(request, "console/shortcuts.html", {"shortcuts": SHORTCUTS})
