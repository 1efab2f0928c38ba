"""NetFlow v5, v9 (RFC 3954) and IPFIX (RFC 7011) datagrams as columns of flows.

Pure: values in, values out; no clock, no input or output, no Django.
"""

from .decoder import Decoded, decode
from .flows import COLUMNS, UNKNOWN_DIRECTION, UNKNOWN_PROTOCOL, Flows, blank_flows, concatenate
from .model import Counters, Datagram, Loss, Reason, StreamKey, Unit
from .sessions import Sessions
from .verdict import ACCEPT, REJECT, UNTOLD, stated_verdict

__all__ = [
    "ACCEPT",
    "COLUMNS",
    "REJECT",
    "UNKNOWN_DIRECTION",
    "UNKNOWN_PROTOCOL",
    "UNTOLD",
    "Counters",
    "Datagram",
    "Decoded",
    "Flows",
    "Loss",
    "Reason",
    "Sessions",
    "StreamKey",
    "Unit",
    "blank_flows",
    "concatenate",
    "decode",
    "stated_verdict",
]
