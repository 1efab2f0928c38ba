"""In which order exporters are shown."""

from __future__ import annotations

from django.db.models import Exists, F, OuterRef, QuerySet

from .models import Exporter, ExporterBinding


def own_first(exporters: QuerySet[Exporter]) -> QuerySet[Exporter]:
    """Order exporters: claimed before those of nobody, bound ones first, then the newest.

    A sender can be forged: however many there are, none comes before what the account has bound.
    """
    bound = Exists(ExporterBinding.objects.filter(exporter=OuterRef("pk")))
    newest = F("last_seen").desc(nulls_last=True)
    return exporters.order_by(F("account").asc(nulls_last=True), bound.desc(), newest, "address", "pk")
