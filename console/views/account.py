"""Login, logout, password, theme, language and shortcuts."""

from datetime import timedelta
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.core.exceptions import ValidationError
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
from console.ram.forms import OwnPasswordForm

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
    """Changes the user's own password; where it is due, the page that was asked for comes next."""

    template_name = "console/account/password.html"
    form_class = OwnPasswordForm
    success_url = reverse_lazy("console:home")

    def get_form_kwargs(self) -> dict[str, Any]:
        """Give the form the request, to which failed passwords count."""
        return {**super().get_form_kwargs(), "request": self.request}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Tell the page whether there is no way around it, and what comes next."""
        user: Any = self.request.user
        return super().get_context_data(due=user.must_change_password, next=self._next(), **kwargs)

    def get_success_url(self) -> str:
        """Return the page that was asked for."""
        return self._next() or str(self.success_url)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Try to change it, unless the address has failed too often with any names."""
        if _address_is_locked(request):
            return locked_out(request)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Change it and say so."""
        try:
            response = super().form_valid(form)
        except ValidationError as error:
            form.add_error("new_password1", error.messages)
            return self.form_invalid(form)
        AxesProxyHandler.reset_attempts(
            ip_address=self.request.META.get("REMOTE_ADDR"), username=form.user.get_username()
        )
        messages.success(self.request, _("Your password has been changed."))
        return response

    def _next(self) -> str:
        asked = self.request.POST.get("next", self.request.GET.get("next", ""))
        return asked if _is_safe(self.request, asked) else ""


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
    return redirect(back if _is_safe(request, back) else "console:home")


def _is_safe(request: HttpRequest, address: str) -> bool:
    return url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())


def _address_is_locked(request: HttpRequest) -> bool:
    since = timezone.now() - settings.AXES_COOLOFF_TIME
    attempts = AccessAttempt.objects.filter(
        ip_address=request.META.get("REMOTE_ADDR"), attempt_time__gte=since
    )
    failures = attempts.aggregate(total=Sum("failures_since_start"))["total"] or 0
    return failures >= settings.FAILURES_PER_ADDRESS
