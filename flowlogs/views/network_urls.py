"""The addresses of every kind of network resource."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.http import HttpResponseBase
from django.urls import URLPattern, path

from flowlogs.networks.kind import Kind
from flowlogs.networks.kinds import NAVIGATION, PARTS
from flowlogs.views import network, network_batch, network_import


def urlpatterns() -> list[URLPattern]:
    """Return the addresses of all pages; what is a part of something else has no page of its own."""
    found = []
    for kind in (*NAVIGATION, *PARTS):
        one = f"{kind.path}/<str:resource_id>/"
        pages = [
            ("list", f"{kind.path}/", network.listing),
            ("create", f"{kind.path}/create/", network.create),
            ("import", f"{kind.path}/import/", network_import.import_file),
            ("export", f"{kind.path}/export/", network.export),
            ("batch", f"{kind.path}/batch/", network_batch.batch),
            ("edit", f"{one}edit/", network.edit),
            ("delete", f"{one}delete/", network.delete),
            *([] if kind.part_of else [("detail", one, network.detail)]),
        ]
        found += [path(route, _of(kind, view), name=f"{kind.slug}-{name}") for name, route, view in pages]
    return found


def _of(kind: Kind, view: Any) -> Callable[..., HttpResponseBase]:
    """Return a view for one kind; it tells the action that it needs, as the views of other pages do."""
    page = partial(view, kind=kind)
    page.required_action = kind.actions[view.verb]  # type: ignore[attr-defined]
    return page
