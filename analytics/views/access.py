"""Which Logstore an address means, and whether the user may read it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

from django.http import Http404, HttpResponse, HttpResponseBase
from django.utils.translation import gettext

from console.access import login_first, require, resource_name
from console.requests import ConsoleRequest
from flowlogs.models import Logstore

READ = "log:GetLogStoreLogs"

P = ParamSpec("P")
LogstoreView = Callable[Concatenate[ConsoleRequest, Logstore, P], HttpResponse]


def reads_logstore(view: LogstoreView[P]) -> Callable[..., HttpResponseBase]:
    """Give a view the Logstore that its address names, to users who may read it.

    One that is not there, or belongs to another account or region, is the same 404.
    """

    @functools.wraps(view)
    def guarded(request: Any, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return login_first(request)
        del kwargs["region_id"]
        project, name = str(kwargs.pop("project")), str(kwargs.pop("logstore"))
        store = (
            Logstore.objects.select_related("project")
            .filter(
                project__account=request.account,
                project__region=request.region,
                project__name=project,
                name=name,
            )
            .first()
        )
        if store is None:
            message = gettext("There is no Logstore %(project)s/%(logstore)s in this region.")
            raise Http404(message % {"project": project, "logstore": name})
        path = f"project/{project}/logstore/{name}"
        require(request.user, READ, resource_name("log", request.region.id, request.account.id, path))
        return view(request, store, *args, **kwargs)

    guarded.required_action = READ  # type: ignore[attr-defined]
    return guarded
