"""Pages of the flowlogs app, all below a region."""

from django.urls import URLPattern

app_name = "flowlogs"

urlpatterns: list[URLPattern] = []
