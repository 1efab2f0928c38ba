"""The pages of every kind of network resource: list, details, create, edit, delete, export."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from console.access import allowed_here
from console.htmx import go_to, is_fragment
from console.requests import ConsoleRequest
from flowlogs.forms import add_violations, said
from flowlogs.networks import files
from flowlogs.networks.forms import DeleteForm, ResourceForm
from flowlogs.networks.kind import KINDS, Kind, Values
from flowlogs.networks.listing import SIZES, Listing
from flowlogs.rules import RuleError
from flowlogs.services import network
from flowlogs.views import network_batch, network_families
from flowlogs.views import network_shown as shown
from flowlogs.views.network_access import find, list_action, may_list, on_kind, on_resource
from flowlogs.views.shown import CREATE, RESOURCE_PAGES, create_url

EXPORTED_AT_ONCE = 1000
WATCHED = {slug: resource_type for resource_type, slug in RESOURCE_PAGES.items()}


@require_safe
@on_kind("list")
def listing(request: ConsoleRequest, kind: Kind) -> HttpResponse:
    """List the resources of a kind."""
    page = _page(request, kind)
    table = shown.Table(kind, page.rows, request)
    context = {
        **_about(request, kind),
        "listing": page,
        "table": table,
        "here": request.get_full_path(),
        "batch_url": shown.url(kind, "batch", request.region.pk),
        "batch": network_batch.acts(request, kind, table.rows),
        "pager": shown.pager(page),
        "sizes": SIZES,
        "acts": shown.page_acts(kind, request, _narrowed(page)),
        "prefilled": _prefilled(kind, page),
    }
    template = "flowlogs/network/rows.html" if is_fragment(request) else "flowlogs/network/list.html"
    return render(request, template, context)


@require_safe
@on_resource("list")
def detail(request: ConsoleRequest, kind: Kind, resource: Any) -> HttpResponse:
    """Show a resource, what belongs to it, which flow logs cover it, and its changes."""
    [prepared] = kind.prepared([resource])
    found = shown.sections(kind, prepared, request)
    context = {
        **_about(request, kind),
        "resource": prepared,
        "name": kind.named(prepared),
        "facts": shown.cells([*kind.columns[1:], *kind.details], prepared, request),
        "acts": shown.acts(kind, prepared, request),
        "tiles": [section for section in found if section.table is None],
        "tables": [section for section in found if section.table is not None],
        "flow_logs": shown.flow_logs(kind, prepared, request),
        "create_flow_log": _create_flow_log(request, kind, prepared),
        "interval": shown.interval(kind, prepared),
        "history": shown.history(kind, prepared),
    }
    return render(request, "flowlogs/network/detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@on_kind("create")
def create(request: ConsoleRequest, kind: Kind) -> HttpResponse:
    """Show the form of a new resource, again with other choices, or create one."""
    form = _form(request, kind)
    if form.is_bound and form.is_valid():
        try:
            resource = network.create(kind, request.account, request.region, request.user, **form.values())
        except RuleError as error:
            add_violations(form, error.violations)
        else:
            messages.success(request, _("%(name)s is created.") % {"name": kind.named(resource)})
            network_families.warn(request, kind, kind.values([resource]))
            return go_to(request, _home(request, kind, resource))
    context = {**_about(request, kind), "form": form, "here": request.path, "back": _list_url(request, kind)}
    return render(request, "flowlogs/network/form.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@on_resource("edit")
def edit(request: ConsoleRequest, kind: Kind, resource: Any) -> HttpResponse:
    """Change what can be changed of a resource."""
    form = _form(request, kind, resource)
    if form.is_bound and form.is_valid():
        try:
            network.modify(kind, resource, request.account, request.region, request.user, **form.values())
        except RuleError as error:
            add_violations(form, error.violations)
        else:
            resource = find(request, kind, resource.pk)
            messages.success(request, _("%(name)s is changed.") % {"name": kind.named(resource)})
            network_families.warn(request, kind, kind.values([resource]))
            return go_to(request, _home(request, kind, resource))
    context = {
        **_about(request, kind),
        "form": form,
        "resource": resource,
        "name": kind.named(resource),
        "here": request.path,
        "back": _home(request, kind, resource),
    }
    return render(request, "flowlogs/network/form.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@on_resource("delete")
def delete(request: ConsoleRequest, kind: Kind, resource: Any) -> HttpResponse:
    """Show what deleting means, and delete."""
    name = kind.named(resource)
    form = DeleteForm(kind, name, request.POST if request.method == "POST" else None)
    if form.is_valid():
        after = _list_url(request, kind) if not kind.part_of else _home(request, kind, resource)
        try:
            network.delete(kind, resource, request.user)
        except RuleError as error:
            add_violations(form, error.violations)
        else:
            messages.success(request, _("%(name)s is deleted.") % {"name": name})
            return go_to(request, after)
    context = {
        **_about(request, kind),
        "resource": resource,
        "name": name,
        "form": form,
        "here": request.path,
        "back": _home(request, kind, resource),
        "inside": [section for section in shown.sections(kind, resource, request) if section.total],
        "in_the_way": [said(each.code, each.params) for each in network.in_the_way(kind, resource)],
    }
    return render(request, "flowlogs/network/delete.html", context)


@require_safe
@on_kind("list")
def export(request: ConsoleRequest, kind: Kind) -> HttpResponseBase:
    """Send all that the list is narrowed to as a file that can be imported."""
    format = request.GET.get("format")
    format = format if format in files.FORMATS else files.CSV
    page = _page(request, kind)
    types = {files.CSV: "text/csv; charset=utf-8", files.JSON: "application/json"}
    name = f"{kind.path}-{request.region.pk}.{format}"
    return StreamingHttpResponse(
        files.write(kind, format, _exported(kind, page)),
        content_type=types[format],
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def _exported(kind: Kind, page: Listing) -> Iterator[list[Values]]:
    """Yield the values of what is found, 1 000 resources at a time."""
    last = None
    while True:
        found = page.found if last is None else page.found.filter(pk__gt=last)
        rows = list(found.order_by("pk")[:EXPORTED_AT_ONCE])
        if not rows:
            return
        yield kind.values(rows)
        last = rows[-1].pk


def _page(request: ConsoleRequest, kind: Kind) -> Listing:
    return Listing(kind, request.account, request.region, request.GET, offers_vpcs=may_list(request, "vpc"))


def _form(request: ConsoleRequest, kind: Kind, resource: Any = None) -> ResourceForm:
    """Return the form as it was sent, or, to see other choices, as it would look with these values."""
    here: dict[str, Any] = {"kind": kind, "account": request.account, "region": request.region}
    here["refused"] = {slug: list_action(slug) for slug in KINDS if not may_list(request, slug)}
    if request.method == "POST" and "refresh" not in request.POST:
        return ResourceForm(data=request.POST, resource=resource, **here)
    sent = request.POST if request.method == "POST" else request.GET
    return ResourceForm(entered=_entered(kind, sent), resource=resource, **here)


def _entered(kind: Kind, sent: QueryDict) -> dict[str, Any]:
    """Return what was entered, or is in the address, as the initial values of a form."""
    lists = {each.name for each in kind.fields if each.name.endswith("_ids")}
    return {
        each.name: sent.getlist(each.name) if each.name in lists else sent[each.name]
        for each in kind.fields
        if each.name in sent
    }


def _about(request: ConsoleRequest, kind: Kind) -> dict[str, Any]:
    above = kind.whole
    parts = [each for section in kind.sections if (each := KINDS[section.slug]).part_of]
    return {
        "kind": kind,
        "list_url": _list_url(request, kind),
        "above": above,
        "above_url": _list_url(request, above) if above else "",
        "parts": [(each.many, _list_url(request, each)) for each in parts],
    }


def _list_url(request: ConsoleRequest, kind: Kind) -> str:
    return shown.url(kind, "list", request.region.pk)


def _home(request: ConsoleRequest, kind: Kind, resource: Any) -> str:
    """Return the page on which a resource is shown: its own, or that of what it is a part of."""
    pk = getattr(resource, kind.part_of) if kind.part_of else resource.pk
    return shown.url(kind.whole or kind, "detail", request.region.pk, pk)


def _create_flow_log(request: ConsoleRequest, kind: Kind, resource: Any) -> str:
    """Return the address of the form of a flow log of a resource; empty where nobody here may create one."""
    resource_type = WATCHED.get(kind.slug)
    if resource_type is None or not allowed_here(request, CREATE):
        return ""
    return create_url(request, resource_type, resource.pk) if request.region.flow_logs_available else ""


def _narrowed(page: Listing) -> dict[str, str]:
    return {**({"search": page.search} if page.search else {}), **page.given}


def _prefilled(kind: Kind, page: Listing) -> dict[str, str]:
    """Return what a new resource takes over from the filters of the list."""
    fields = {each.name for each in kind.fields}
    return {f"{name}_id": value for name, value in page.given.items() if f"{name}_id" in fields}
