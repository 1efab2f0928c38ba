"""The entrance: sends the visitor to the page they most likely want."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_safe

from console.context import last_region
from console.models import Region

START = "flowlogs:flow-log-list"


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Redirect to the flow logs of the asked or the last region."""
    asked = request.GET.get("region", "")
    region = asked if Region.objects.filter(id=asked).exists() else last_region(request)
    try:
        return redirect(reverse(START, kwargs={"region_id": region}))
    except NoReverseMatch:
        return redirect("console:authorize")
