"""System checks of the settings."""

import os
import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register

from console import environment

SETTINGS_FILE = Path(__file__).with_name("settings.py")
_READ = re.compile(r'environment\.\w+\(\s*"([A-Z_]+)"')


def names() -> set[str]:
    """Return every environment name that the settings read."""
    return set(_READ.findall(SETTINGS_FILE.read_text()))


@register()
def unknown_names(**_options: Any) -> list[CheckMessage]:
    """Warn of a FLOWLOG_ name that nothing reads: most likely it is misspelt."""
    return [
        Warning(f"{name} is set, but there is no such setting.", id="console.W001")
        for name in environment.unknown(os.environ, names() | {"FLOWLOG_REQUIRE_TOOLS"})
    ]


@register(Tags.security, deploy=True)
def any_host(**_options: Any) -> list[CheckMessage]:
    """Warn where any Host header is believed: links and redirects could then name a stranger's site."""
    if "*" not in settings.ALLOWED_HOSTS:
        return []
    hint = "Name the hosts in FLOWLOG_ALLOWED_HOSTS."
    return [Warning("Requests for any host are answered.", hint=hint, id="console.W002")]
