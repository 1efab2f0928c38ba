"""The error pages, in the shell; the last one needs nothing that may be broken."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from console.access import ActionDenied


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400."""
    return render(request, "console/errors/400.html", status=400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403 and name the action that is missing."""
    action = exception.action if isinstance(exception, ActionDenied) else ""
    reason = str(exception) if isinstance(exception, PermissionDenied) and not action else ""
    return render(request, "console/errors/403.html", {"action": action, "reason": reason}, status=403)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer 403 to a form without its token."""
    return render(request, "console/errors/csrf.html", status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404."""
    return render(request, "console/errors/404.html", status=404)


def server_error(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer 500 without touching the database; the identifier finds the traceback in the log.

    Where the disk is full or the database busy the page says so, and the status is 503: it may pass.
    """
    context = {"request_id": getattr(request, "request_id", ""), "reason": reason}
    body = render_to_string("console/errors/500.html", context)
    return HttpResponse(body, status=503 if reason else 500)
