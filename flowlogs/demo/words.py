"""The demo's own descriptions in the language of the page; what a user has written stays as it is."""

from __future__ import annotations

from django.utils.translation import gettext

from flowlogs.demo.network import NETWORKS

TEXTS = frozenset(
    text
    for network in NETWORKS
    for text in (
        network.description,
        *(log.description for log in network.logs),
        *(rule.description for rules in network.groups.values() for rule in rules),
    )
    if text
)


def shown(text: str) -> str:
    """Return a description as it is shown: in words of the page's language if it is one of the demo's."""
    return gettext(text) if text in TEXTS else text
