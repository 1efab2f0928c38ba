"""The entrance: sends the visitor to the page they most likely want."""

from collections.abc import Iterable, Sequence

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from console import hooks
from console.context import last_of, pages
from console.models import Account, Region
from console.requests import ConsoleRequest


@require_safe
@login_required
def home(request: ConsoleRequest) -> HttpResponse:
    """Redirect to the first page that the user may see in the asked or the last region, or else in another one.

    With none, say what is missing and whom to ask: any other page would answer 403 and lead back here.
    """
    regions = list(Region.objects.all())
    if not regions:
        return redirect("console:authorize")
    first = _first_page(request, _in_order(request, regions))
    if first:
        return redirect(first)
    return render(request, "console/nothing.html", _missing(request.account))


def _in_order(request: ConsoleRequest, regions: Sequence[Region]) -> list[Region]:
    """Return the regions in which to look for a page: only the one that is asked for, or all, the last one first."""
    asked = [each for each in regions if each.id == request.GET.get("region", "")]
    last = last_of(regions, request)
    return asked or sorted(regions, key=lambda each: each is not last)


def _first_page(request: ConsoleRequest, regions: Iterable[Region]) -> str:
    return next((url for region in regions for _item, url in pages(request, region.id)), "")


def _missing(account: Account | None) -> dict[str, object]:
    """Return the action that shows the first page, and whom to ask for it."""
    action = next((item.action for item in hooks.nav_items() if item.action), "")
    owner = account.users.filter(is_account_owner=True).first() if account is not None else None
    return {"action": action, "owner": owner}
