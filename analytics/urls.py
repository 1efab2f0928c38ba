"""Pages of the analytics app, all below a region."""

from django.urls import path

from analytics.views import dashboards, downloads, fields, logstores, search

app_name = "analytics"

_STORE = "log-service/<slug:project>/<slug:logstore>/"

urlpatterns = [
    path("log-service/", logstores.log_service, name="log-service"),
    path("log-service/create/", logstores.logstore_create, name="logstore-create"),
    path("projects/<slug:project>/edit/", logstores.project_edit, name="project-edit"),
    path("projects/<slug:project>/delete/", logstores.project_delete, name="project-delete"),
    path(_STORE, search.search, name="search"),
    path(f"{_STORE}fields/<str:field>/", fields.field, name="field"),
    path(f"{_STORE}download/", downloads.download, name="download"),
    path(f"{_STORE}edit/", logstores.logstore_edit, name="logstore-edit"),
    path(f"{_STORE}delete/", logstores.logstore_delete, name="logstore-delete"),
    path(f"{_STORE}overview/", dashboards.dashboard, {"dashboard": "overview"}, name="overview"),
    path(f"{_STORE}charts/<slug:dashboard>/<slug:chart>/", dashboards.chart, name="chart"),
]
