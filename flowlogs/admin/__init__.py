"""The admin site of the flowlogs app: the inventory is edited here, what services own is only shown."""

from flowlogs.admin import capture, exporters, flow_logs, logstores, network, policy, settings

__all__ = ["capture", "exporters", "flow_logs", "logstores", "network", "policy", "settings"]
