"""What changes flow logs, their Logstores and exporters; the only writers of what they own.

Functions that a user calls take ``by`` and ask whether they may; None is the installation itself. What breaks
the documented rules raises ``rules.RuleError``, what the user may not do ``console.access.ActionDenied``.
"""

from flowlogs.services.delivery_status import authorization_changed, delivery_failed, delivery_succeeded
from flowlogs.services.exporters import bind_exporter, change_exporter, remove_exporter, unbind_exporter
from flowlogs.services.flow_logs import (
    create_flow_log,
    create_flow_logs,
    delete,
    finish_transition,
    modify,
    start,
    stop,
    violations,
)
from flowlogs.services.logstores import (
    create_logstore,
    create_project,
    delete_logstore,
    delete_project,
    enable_analysis_report,
    set_retention,
)
from flowlogs.services.quarantine import deliver_again
from flowlogs.services.removal import (
    remove_instance,
    remove_network_interface,
    remove_vpc,
    remove_vswitch,
)
from flowlogs.services.tags import set_tags

__all__ = [
    "authorization_changed",
    "bind_exporter",
    "change_exporter",
    "create_flow_log",
    "create_flow_logs",
    "create_logstore",
    "create_project",
    "delete",
    "delete_logstore",
    "delete_project",
    "deliver_again",
    "delivery_failed",
    "delivery_succeeded",
    "enable_analysis_report",
    "finish_transition",
    "modify",
    "remove_exporter",
    "remove_instance",
    "remove_network_interface",
    "remove_vpc",
    "remove_vswitch",
    "set_retention",
    "set_tags",
    "start",
    "stop",
    "unbind_exporter",
    "violations",
]
