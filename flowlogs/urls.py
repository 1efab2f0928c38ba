"""Pages of the flowlogs app, all below a region."""

from django.urls import path

from flowlogs.views import exporters, ledger

app_name = "flowlogs"

urlpatterns = [
    path("exporters/", exporters.exporter_list, name="exporter-list"),
    path("exporters/<str:exporter_id>/", exporters.exporter_detail, name="exporter-detail"),
    path("exporters/<str:exporter_id>/bind/", exporters.exporter_bind, name="exporter-bind"),
    path("exporters/<str:exporter_id>/edit/", exporters.exporter_edit, name="exporter-edit"),
    path(
        "exporters/<str:exporter_id>/bindings/<int:binding_id>/remove/",
        exporters.exporter_unbind,
        name="exporter-unbind",
    ),
    path("ledger/", ledger.show, name="ledger"),
]
