"""The other side of ``flowlogs.netflow``: columns of flows → IPFIX and NetFlow v9 datagrams.

Pure. For the demo's exporters, for measurements and for tests.
"""

from flowlogs.export.fields import FLOW
from flowlogs.export.ipfix import IpfixEncoder
from flowlogs.export.v9 import NetflowV9Encoder

__all__ = ["FLOW", "IpfixEncoder", "NetflowV9Encoder"]
