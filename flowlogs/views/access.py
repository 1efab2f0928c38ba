"""Which flow log an address means, and whether the user may do this to it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

from django.http import Http404, HttpResponse, HttpResponseBase
from django.utils.translation import gettext

from console.access import login_first, require, resource_name
from console.requests import ConsoleRequest
from flowlogs.models import FlowLog

P = ParamSpec("P")
FlowLogView = Callable[Concatenate[ConsoleRequest, FlowLog, P], HttpResponse]


def on_flow_log(
    action: str, *, even_deleted: bool = False
) -> Callable[[FlowLogView[P]], Callable[..., HttpResponseBase]]:
    """Give a view the flow log that its address names, to users who may do the action to it.

    One that is not there, or belongs to another account or region, is the same 404. So is one that was deleted,
    except for views that only show what is kept of it (``even_deleted``).
    """

    def decorate(view: FlowLogView[P]) -> Callable[..., HttpResponseBase]:
        @functools.wraps(view)
        def guarded(
            request: Any, region_id: str, flow_log_id: str, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return login_first(request)
            flow_logs = FlowLog.everything if even_deleted else FlowLog.objects
            mine = flow_logs.filter(account=request.account, region=request.region)
            flow_log = mine.select_related("vpc").filter(pk=flow_log_id).first()
            if flow_log is None:
                message = gettext("There is no flow log %(flow_log)s in this region.")
                raise Http404(message % {"flow_log": flow_log_id})
            path = f"flowlog/{flow_log.pk}"
            require(request.user, action, resource_name("vpc", region_id, request.account.id, path))
            return view(request, flow_log, *args, **kwargs)

        guarded.required_action = action  # type: ignore[attr-defined]
        return guarded

    return decorate
