"""Which Logstore or project an address means, and whether the user may do this to it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

from django.http import Http404, HttpResponse, HttpResponseBase
from django.utils.translation import gettext

from console.access import login_first, may, require, resource_name
from console.requests import ConsoleRequest
from flowlogs.models import Logstore, Project

READ = "log:GetLogStoreLogs"
UPDATE = "log:UpdateLogStore"

P = ParamSpec("P")
LogstoreView = Callable[Concatenate[ConsoleRequest, Logstore, P], HttpResponse]
ProjectView = Callable[Concatenate[ConsoleRequest, Project, P], HttpResponse]


def on_logstore(action: str) -> Callable[[LogstoreView[P]], Callable[..., HttpResponseBase]]:
    """Give a view the Logstore that its address names, to users who may do the action to it.

    One that is not there, or belongs to another account or region, is the same 404.
    """

    def decorate(view: LogstoreView[P]) -> Callable[..., HttpResponseBase]:
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
            path = store_path(project, name)
            require(request.user, action, resource_name("log", request.region.id, request.account.id, path))
            return view(request, store, *args, **kwargs)

        guarded.required_action = action  # type: ignore[attr-defined]
        return guarded

    return decorate


def reads_logstore(view: LogstoreView[P]) -> Callable[..., HttpResponseBase]:
    """Give a view the Logstore that its address names, to users who may read it."""
    return on_logstore(READ)(view)


def on_project(action: str) -> Callable[[ProjectView[P]], Callable[..., HttpResponseBase]]:
    """Give a view the project that its address names, to users who may do the action to it."""

    def decorate(view: ProjectView[P]) -> Callable[..., HttpResponseBase]:
        @functools.wraps(view)
        def guarded(request: Any, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return login_first(request)
            del kwargs["region_id"]
            name = str(kwargs.pop("project"))
            mine = Project.objects.filter(account=request.account, region=request.region)
            project = mine.filter(name=name).first()
            if project is None:
                message = gettext("There is no project %(project)s in this region.")
                raise Http404(message % {"project": name})
            path = f"project/{name}"
            require(request.user, action, resource_name("log", request.region.id, request.account.id, path))
            return view(request, project, *args, **kwargs)

        guarded.required_action = action  # type: ignore[attr-defined]
        return guarded

    return decorate


def refusal(request: ConsoleRequest, action: str, path: str) -> str:
    """Return why the user may not do this to what a path names, such as `project/logs`, if so."""
    resource = resource_name("log", request.region.pk, request.account.pk, path)
    if may(request.user, action, resource):
        return ""
    return gettext("You need the permission %(action)s.") % {"action": action}


def store_path(project: str, logstore: str) -> str:
    """Return the path by which policies name a Logstore."""
    return f"project/{project}/logstore/{logstore}"
