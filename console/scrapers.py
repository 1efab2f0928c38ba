"""Who may read /metrics, which needs no session: the holder of a token, or without one certain addresses."""

import ipaddress
from hmac import compare_digest

from django.conf import settings
from django.http import HttpRequest

FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")
"""Headers that a proxy adds: the address is then the proxy's, whoever asks."""


def may_scrape(request: HttpRequest) -> bool:
    """Tell whether a request may read the metrics."""
    if settings.FLOWLOG_METRICS_TOKEN:
        scheme, _space, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        expected = settings.FLOWLOG_METRICS_TOKEN.encode()
        return scheme.lower() == "bearer" and compare_digest(token.strip().encode(), expected)
    return not any(header in request.META for header in FORWARDED) and _is_near(request)


def _is_near(request: HttpRequest) -> bool:
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    # a server that listens on both versions names IPv4 clients like ::ffff:127.0.0.1
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in settings.FLOWLOG_METRICS_FROM)
