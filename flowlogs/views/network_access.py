"""Which network resources an address means, and whether the user may do this to them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpResponseBase
from django.utils.translation import gettext as _

from console.access import ActionDenied, allowed_here, login_first, may, require
from console.keys import key_of
from console.requests import ConsoleRequest
from flowlogs.networks.kind import FLOW_LOG, KINDS, Kind

KindView = Callable[[ConsoleRequest, Kind], HttpResponseBase]
FLOW_LOGS = "vpc:DescribeFlowLogs"
ResourceView = Callable[[ConsoleRequest, Kind, Any], HttpResponseBase]


def on_kind(verb: str) -> Callable[[KindView], Callable[..., HttpResponseBase]]:
    """Give a view the kind of its address, to users who may do this to all resources of the region."""

    def decorate(view: KindView) -> Callable[..., HttpResponseBase]:
        @functools.wraps(view)
        def guarded(request: Any, region_id: str, *, kind: Kind) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return login_first(request)
            if not allowed_here(request, kind.actions[verb]):
                raise ActionDenied(kind.actions[verb])
            return view(request, kind)

        guarded.verb = verb  # type: ignore[attr-defined]
        return guarded

    return decorate


def on_resource(verb: str) -> Callable[[ResourceView], Callable[..., HttpResponseBase]]:
    """Give a view the resource that its address names, to users who may do this to it.

    One that is not there, is deleted, or belongs to another account or region, is the same 404.
    """

    def decorate(view: ResourceView) -> Callable[..., HttpResponseBase]:
        @functools.wraps(view)
        def guarded(request: Any, region_id: str, resource_id: str, *, kind: Kind) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return login_first(request)
            resource = find(request, kind, resource_id)
            require(request.user, *_permission(request, kind, verb, resource))
            return view(request, kind, resource)

        guarded.verb = verb  # type: ignore[attr-defined]
        return guarded

    return decorate


def list_action(slug: str) -> str:
    """Return the action that lists the resources of a kind, or the flow logs."""
    return FLOW_LOGS if slug == FLOW_LOG else KINDS[slug].actions["list"]


def may_list(request: ConsoleRequest, slug: str) -> bool:
    """Tell whether the user may list these in the region: only then does any page offer or name them."""
    return allowed_here(request, list_action(slug))


def find(request: ConsoleRequest, kind: Kind, resource_id: str) -> Any:
    """Return a resource of the account in the region. Raises Http404."""
    pk = key_of(kind.model, resource_id)
    found = None
    if request.account is not None and pk is not None:
        found = kind.listed(kind.within(request.account, request.region)).filter(pk=pk).first()
    if found is None:
        raise Http404(_("%(id)s does not exist in this region.") % {"id": resource_id})
    return found


def refusal(request: ConsoleRequest, kind: Kind, verb: str, resource: Any = None) -> str:
    """Return why the user may not do this to a resource, or to all of the kind in the region, if so."""
    action, name = _permission(request, kind, verb, resource)
    allowed = allowed_here(request, action) if resource is None else may(request.user, action, name)
    return "" if allowed else _("You need the permission %(action)s.") % {"action": action}


def _permission(request: ConsoleRequest, kind: Kind, verb: str, resource: Any) -> tuple[str, str]:
    named = "*" if resource is None else kind.permission_id(resource)
    return kind.permission(verb, request.region.pk, request.account.pk, named)
