"""Addresses of the authorization wizard."""

from django.urls import path

from console.authorize import views

urlpatterns = [
    path("", views.start, name="authorize"),
    path("revoke/", views.revoke, name="authorize-revoke"),
    path("<slug:key>/", views.step, name="authorize-step"),
]
