"""Login, logout, password, theme, language and shortcuts."""

from datetime import timedelta
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import check_for_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from console.context import KEYS_COOKIE, THEME_COOKIE, THEMES

_YEAR = timedelta(days=365)


class LoginPage(LoginView):
    """The login page. Whoever fails too often waits, also with the right password."""

    template_name = "console/account/login.html"
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Try to log in, unless the address has failed too often with any names."""
        if _address_is_locked(request):
            return locked_out(request)
        return super().post(request, *args, **kwargs)


class LogoutPage(LogoutView):
    """Ends the session; by POST only."""


class PasswordPage(PasswordChangeView):
    """Changes the user's own password."""

    template_name = "console/account/password.html"
    success_url = reverse_lazy("console:home")

    def form_valid(self, form: Any) -> HttpResponse:
        """Change it and say so."""
        messages.success(self.request, _("Your password has been changed."))
        return super().form_valid(form)


def locked_out(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """Answer 429 and say how long to wait."""
    minutes = int(settings.AXES_COOLOFF_TIME.total_seconds() // 60)
    response = render(request, "console/account/locked_out.html", {"minutes": minutes}, status=429)
    response["Retry-After"] = str(minutes * 60)
    return response


@require_POST
def theme(request: HttpRequest) -> HttpResponseBase:
    """Keep the theme in a cookie, so that the server draws the page in it from the first byte."""
    wanted = request.POST.get("theme", "")
    response = _back(request)
    if wanted in THEMES:
        response.set_cookie(THEME_COOKIE, wanted, max_age=_YEAR, samesite="Lax")
    return response


@require_POST
def language(request: HttpRequest) -> HttpResponseBase:
    """Keep the language in a cookie and show the page again in it."""
    wanted = request.POST.get("language", "")
    response = _back(request)
    if wanted in dict(settings.LANGUAGES) and check_for_language(wanted):
        age = settings.LANGUAGE_COOKIE_AGE
        response.set_cookie(settings.LANGUAGE_COOKIE_NAME, wanted, max_age=age, samesite="Lax")
    return response


@require_POST
def keys(request: HttpRequest) -> HttpResponseBase:
    """Keep in a cookie whether single keys are shortcuts (WCAG 2.1.4: they can be switched off)."""
    response = _back(request)
    if request.POST.get("keys") in ("on", "off"):
        response.set_cookie(KEYS_COOKIE, request.POST["keys"], max_age=_YEAR, samesite="Lax")
    return response


def _back(request: HttpRequest) -> HttpResponse:
    back = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    return redirect(back if safe else "console:home")


def _address_is_locked(request: HttpRequest) -> bool:
    since = timezone.now() - settings.AXES_COOLOFF_TIME
    attempts = AccessAttempt.objects.filter(
        ip_address=request.META.get("REMOTE_ADDR"), attempt_time__gte=since
    )
    failures = attempts.aggregate(total=Sum("failures_since_start"))["total"] or 0
    return failures >= settings.FAILURES_PER_ADDRESS
