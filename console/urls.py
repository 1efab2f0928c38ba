"""All addresses: the shell's own, then those of the apps below a region."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, register_converter

from console.models import REGION_ID
from console.views import account, errors, find, home, operations, shortcuts


class RegionConverter:
    """The identifier of a region, such as cn-hangzhou; whether it exists is the middleware's question."""

    regex = REGION_ID

    def to_python(self, value: str) -> str:
        """Return the identifier as it is."""
        return value

    def to_url(self, value: str) -> str:
        """Return the identifier as it is."""
        return value


register_converter(RegionConverter, "region")

console_urls: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("login/", account.LoginPage.as_view(), name="login"),
    path("logout/", account.LogoutPage.as_view(), name="logout"),
    path("password/", account.PasswordPage.as_view(), name="password"),
    path("theme/", account.theme, name="theme"),
    path("language/", account.language, name="language"),
    path("keys/", account.keys, name="keys"),
    path("find/", find.find, name="find"),
    path("shortcuts/", shortcuts.shortcuts, name="shortcuts"),
    path("authorize/", include("console.authorize.urls")),
    path("ram/", include("console.ram.urls")),
    path("healthz", operations.healthz, name="healthz"),
    path("readyz", operations.readyz, name="readyz"),
    path("metrics", operations.metrics, name="metrics"),
]

urlpatterns = [
    path("", include((console_urls, "console"))),
    path("admin/", admin.site.urls),
    path("<region:region_id>/", include("flowlogs.urls")),
    path("<region:region_id>/", include("analytics.urls")),
]

handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found
handler500 = errors.server_error
