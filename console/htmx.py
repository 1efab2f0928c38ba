"""Whole page or fragment, and how each goes on to another page."""

from typing import Any

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django_htmx.http import HttpResponseClientRedirect


def is_fragment(request: Any) -> bool:
    """Tell whether htmx asks for a piece of the page; Back after a cache miss asks for the whole of it."""
    return bool(request.htmx) and not request.htmx.history_restore_request and not request.htmx.boosted


def go_to(request: Any, to: Any, **kwargs: Any) -> HttpResponse:
    """Send the browser to another page, out of a form in a page as well as out of one in a panel."""
    url = resolve_url(to, **kwargs)
    return HttpResponseClientRedirect(url) if request.htmx else HttpResponseRedirect(url)


def panel(request: Any, template: str, context: dict[str, Any]) -> HttpResponse:
    """Show a panel that answers a form: it goes where panels are, whatever the form asked for."""
    response = render(request, template, context)
    if is_fragment(request):
        response["HX-Retarget"] = "#panel-slot"
        response["HX-Reswap"] = "innerHTML"
        response["HX-Reselect"] = "dialog"
        response["HX-Push-Url"] = "false"
    return response
