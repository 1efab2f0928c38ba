"""Pages of the flowlogs app, all below a region."""

from django.urls import path

from flowlogs.views import (
    exporters,
    flow_log_acts,
    flow_log_batch,
    flow_log_create,
    flow_log_detail,
    flow_log_scope,
    flow_log_tags,
    flow_logs,
    ledger,
    network_urls,
    overview,
    usage,
)

app_name = "flowlogs"

urlpatterns = [
    path("overview/", overview.show, name="overview"),
    path("flow-logs/", flow_logs.flow_log_list, name="flow-log-list"),
    path("flow-logs/create/", flow_log_create.flow_log_create, name="flow-log-create"),
    path("flow-logs/batch/", flow_log_batch.flow_log_batch, name="flow-log-batch"),
    path("flow-logs/export/", flow_logs.flow_log_export, name="flow-log-export"),
    path("flow-logs/warnings/", flow_logs.flow_log_warnings, name="flow-log-warnings"),
    path("flow-logs/<str:flow_log_id>/", flow_log_detail.flow_log_detail, name="flow-log-detail"),
    path("flow-logs/<str:flow_log_id>/scope/", flow_log_scope.flow_log_scope, name="flow-log-scope"),
    path("flow-logs/<str:flow_log_id>/ledger/", flow_log_detail.flow_log_ledger, name="flow-log-ledger"),
    path("flow-logs/<str:flow_log_id>/edit/", flow_log_acts.flow_log_edit, name="flow-log-edit"),
    path("flow-logs/<str:flow_log_id>/interval/", flow_log_acts.flow_log_interval, name="flow-log-interval"),
    path("flow-logs/<str:flow_log_id>/delete/", flow_log_acts.flow_log_delete, name="flow-log-delete"),
    path("flow-logs/<str:flow_log_id>/tags/", flow_log_tags.flow_log_tags, name="flow-log-tags"),
    path("flow-logs/<str:flow_log_id>/start/", flow_log_acts.flow_log_start, name="flow-log-start"),
    path("flow-logs/<str:flow_log_id>/stop/", flow_log_acts.flow_log_stop, name="flow-log-stop"),
    path(
        "flow-logs/<str:flow_log_id>/deliver-again/",
        flow_log_acts.flow_log_deliver_again,
        name="flow-log-deliver-again",
    ),
    path("usage/", usage.show, name="usage"),
    path("usage/export/", usage.export, name="usage-export"),
    path("usage/prices/", usage.prices, name="usage-prices"),
    path("exporters/", exporters.exporter_list, name="exporter-list"),
    path("exporters/<str:exporter_id>/", exporters.exporter_detail, name="exporter-detail"),
    path("exporters/<str:exporter_id>/bind/", exporters.exporter_bind, name="exporter-bind"),
    path("exporters/<str:exporter_id>/edit/", exporters.exporter_edit, name="exporter-edit"),
    path("exporters/<str:exporter_id>/remove/", exporters.exporter_remove, name="exporter-remove"),
    path(
        "exporters/<str:exporter_id>/bindings/<int:binding_id>/remove/",
        exporters.exporter_unbind,
        name="exporter-unbind",
    ),
    path("ledger/", ledger.show, name="ledger"),
    *network_urls.urlpatterns(),
]
