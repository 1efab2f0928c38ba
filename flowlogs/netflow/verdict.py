"""What exporters themselves say became of a flow."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from .flows import Flows

REJECT, ACCEPT, UNTOLD = 0, 1, 2

FIREWALL_ACCEPTS: Final = (1, 2, 5)
"""firewallEvent: flow created, deleted, updated; 3 is denied (IANA, element 233)."""

FIREWALL_DENIES: Final = 3
FORWARDED, DROPPED, CONSUMED = 1, 2, 3
"""The top two bits of forwardingStatus (RFC 7270 section 4.12); 0 is unknown."""


def stated_verdict(flows: Flows) -> NDArray[np.uint8]:
    """Return REJECT, ACCEPT or UNTOLD for each flow: from its firewall event, else from its forwarding status."""
    verdict = np.full(len(flows), UNTOLD, dtype=np.uint8)
    if flows.forwarding_status.any():
        status = flows.forwarding_status >> 6
        verdict[(status == FORWARDED) | (status == CONSUMED)] = ACCEPT
        verdict[status == DROPPED] = REJECT
    if flows.firewall_event.any():
        verdict[np.isin(flows.firewall_event, FIREWALL_ACCEPTS)] = ACCEPT
        verdict[flows.firewall_event == FIREWALL_DENIES] = REJECT
    return verdict
