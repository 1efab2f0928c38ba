"""Importing network resources: a file is read, shown as what it would change, and written once that is confirmed."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from console.requests import ConsoleRequest
from flowlogs.forms import said
from flowlogs.networks import drafts, files
from flowlogs.networks.batch import Batch, Row
from flowlogs.networks.kind import Kind
from flowlogs.services import network
from flowlogs.views import network_families
from flowlogs.views import network_shown as shown
from flowlogs.views.network_access import on_kind

MEGABYTES = 16
SHOWN_ERRORS = 200
SHOWN_ROWS = 50
LONGEST_PASTED = 100_000
"""Characters that come back into the form after an error; what is longer was a file."""


@require_http_methods(["GET", "HEAD", "POST"])
@on_kind("create")
def import_file(request: ConsoleRequest, kind: Kind) -> HttpResponse:
    """Take a file or pasted text, show what it would do, and do it."""
    if request.method != "POST":
        return _preview(request, kind, request.GET.get("draft", ""))
    if request.POST.get("draft"):
        return _write(request, kind, request.POST["draft"])
    text, error = _sent(request)
    if error:
        return _show(request, kind, error=error, text=text)
    token = drafts.keep(request.account, kind, text)
    return redirect(shown.url(kind, "import", request.region.pk, draft=token))


def _sent(request: ConsoleRequest) -> tuple[str, str]:
    """Return the text of the file or of the form, or what is wrong with it."""
    file = request.FILES.get("file")
    if file is None or not file.size:
        text = request.POST.get("text", "")
        return text, "" if text.strip() else said("FileEmpty")
    if file.size > MEGABYTES * 1024 * 1024:
        return "", said("FileSize", {"megabytes": MEGABYTES})
    try:
        return file.read().decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        return "", said("FileEncoding")


def _preview(request: ConsoleRequest, kind: Kind, token: str) -> HttpResponse:
    if not token:
        return _show(request, kind)
    text = drafts.load(request.account, kind, token)
    if text is None:
        return _show(request, kind, error=_("The file is no longer kept. Choose it again."))
    batch = Batch(kind, request.account, request.region, files.File(kind, text))
    # who may not do it is told before they have read what it would do
    network.require(batch, request.user)
    return _show(request, kind, batch=batch, token=token, text=text)


def _write(request: ConsoleRequest, kind: Kind, token: str) -> HttpResponse:
    text = drafts.load(request.account, kind, token)
    if text is None:
        return _show(request, kind, error=_("The file is no longer kept. Choose it again."))
    entries, effect = files.File(kind, text), request.POST.get("effect", "")
    try:
        batch = network.import_all(
            kind, request.account, request.region, request.user, entries, effect=effect
        )
    except network.EffectChangedError:
        changed = _(
            "The network was changed meanwhile. See what the import would do now, and confirm it again."
        )
        messages.warning(request, changed)
        return redirect(shown.url(kind, "import", request.region.pk, draft=token))
    if batch.broken:
        return _show(request, kind, batch=batch, token=token, text=text)
    drafts.forget(request.account, kind, token)
    messages.success(
        request,
        _("Imported: %(created)s created, %(changed)s changed, %(unchanged)s as they were.")
        % {
            "created": len(batch.created),
            "changed": len(batch.changed),
            "unchanged": batch.unchanged,
        },
    )
    network_families.warn(request, kind, [row.values for row in [*batch.created, *batch.changed]])
    return redirect(shown.url(kind, "list", request.region.pk))


def _show(
    request: ConsoleRequest,
    kind: Kind,
    *,
    batch: Batch | None = None,
    token: str = "",
    error: str = "",
    text: str = "",
) -> HttpResponse:
    context: dict[str, Any] = {
        "kind": kind,
        "list_url": shown.url(kind, "list", request.region.pk),
        "here": request.path,
        "error": error,
        "batch": batch,
        "most_rows": files.MOST_ROWS,
        "megabytes": MEGABYTES,
        "token": token,
        "pasted": text if len(text) <= LONGEST_PASTED else "",
    }
    if batch is not None:
        errors = [(row, each) for row in batch.broken for each in row.found]
        context |= {
            "is_json": any(row.number for row in batch.rows),
            "errors": [
                {"row": row, "field": each.field, "text": said(each.code, each.params)}
                for row, each in errors[:SHOWN_ERRORS]
            ],
            "error_title": _error_title(len(errors), is_cut=batch.is_cut),
            "last_line": batch.rows[-1].line if batch.is_cut else None,
            "hidden_errors": max(len(errors) - SHOWN_ERRORS, 0),
            "created": len(batch.created),
            "changed": len(batch.changed),
            "rows": [_row(kind, row) for row in [*batch.created, *batch.changed][:SHOWN_ROWS]],
            "hidden_rows": max(len(batch.created) + len(batch.changed) - SHOWN_ROWS, 0),
        }
    return render(request, "flowlogs/network/import.html", context)


def _error_title(total: int, *, is_cut: bool) -> str:
    if is_cut:
        text = _("More than %(total)s errors: nothing will be imported")
    else:
        text = ngettext(
            "%(total)s error: nothing will be imported",
            "%(total)s errors: nothing will be imported",
            total,
        )
    return text % {"total": f"{total:,}"}


def _row(kind: Kind, row: Row) -> dict[str, Any]:
    """Return what a row would do, in words."""
    fields = {each.name: each for each in kind.fields}
    before = row.before or {}
    values = [
        (
            fields[name].label,
            fields[name].text(before[name]) if name in before else "",
            fields[name].text(after),
        )
        for name, (_before, after) in row.changed.items()
        if after not in ("", ()) or name in before
    ]
    return {"row": row, "is_new": row.is_new, "values": values}
