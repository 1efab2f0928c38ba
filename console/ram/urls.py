"""Addresses of RAM users and policies; they are the account's, not a region's."""

from django.urls import path

from console.ram.views import policies, simulator, users

_USER = "users/<int:user_id>/"
_POLICY = "policies/<int:policy_id>/"

urlpatterns = [
    path("users/", users.listing, name="ram-user-list"),
    path("users/create/", users.create, name="ram-user-create"),
    path(_USER, users.detail, name="ram-user-detail"),
    path(f"{_USER}edit/", users.edit, name="ram-user-edit"),
    path(f"{_USER}login/", users.login, name="ram-user-login"),
    path(f"{_USER}password/", users.password, name="ram-user-password"),
    path(f"{_USER}delete/", users.delete, name="ram-user-delete"),
    path(f"{_USER}attach/", users.attach, name="ram-user-attach"),
    path(f"{_USER}{_POLICY}detach/", users.detach, name="ram-user-detach"),
    path("policies/", policies.listing, name="ram-policy-list"),
    path("policies/create/", policies.create, name="ram-policy-create"),
    path(_POLICY, policies.detail, name="ram-policy-detail"),
    path(f"{_POLICY}edit/", policies.edit, name="ram-policy-edit"),
    path(f"{_POLICY}delete/", policies.delete, name="ram-policy-delete"),
    path("simulator/", simulator.simulate, name="ram-simulator"),
]
