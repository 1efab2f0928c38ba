"""Flow logs and what they cover, with dates."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from .kept import Kept
from .network import NetworkInterface, Vpc


class FlowLog(Kept):
    """A flow log: whose traffic, which of it, how often, and into which Logstore.

    The Project and Logstore are kept by name, as the product does: one that is deleted and created again
    under the same name is the same target. Its status belongs to ``flowlogs.services``.
    """

    class ResourceType(models.TextChoices):
        VPC = "VPC", _("VPC")
        VSWITCH = "VSwitch", _("vSwitch")
        ENI = "NetworkInterface", _("ENI")

    class TrafficType(models.TextChoices):
        ALL = "All", _("All Traffic")
        ALLOW = "Allow", _("Allowed Traffic")
        DROP = "Drop", _("Denied Traffic")

    class IpVersion(models.TextChoices):
        IPV4 = "IPv4", "IPv4"
        DUAL_STACK = "DualStack", _("Dual-stack")

    class Status(models.TextChoices):
        ACTIVATING = "Activating", _("Starting")
        ACTIVE = "Active", _("Started")
        DEACTIVATING = "Deactivating", _("Stopping")
        INACTIVE = "Inactive", _("Not Started")
        MODIFYING = "Modifying", _("Modifying")
        DELETING = "Deleting", _("Deleting")

    class DeliveryStatus(models.TextChoices):
        NONE = "", _("Not delivered yet")
        SUCCESS = "SUCCESS", _("Delivery Succeeded")
        FAILED = "FAILED", _("Delivery Failed")

    id = models.CharField(_("flow log ID"), primary_key=True, max_length=64)
    account = models.ForeignKey("console.Account", models.CASCADE, related_name="flow_logs")
    region = models.ForeignKey("console.Region", models.PROTECT, related_name="flow_logs")
    name = models.CharField(max_length=128)
    description = models.CharField(max_length=256, blank=True)
    resource_type = models.CharField(max_length=16, choices=ResourceType.choices)
    resource_id = models.CharField(_("resource ID"), max_length=64)
    vpc = models.ForeignKey(Vpc, models.CASCADE, related_name="flow_logs")
    traffic_type = models.CharField(max_length=5, choices=TrafficType.choices, default=TrafficType.ALL)
    ip_version = models.CharField(
        _("IP version"), max_length=9, choices=IpVersion.choices, default=IpVersion.IPV4
    )
    interval = models.PositiveSmallIntegerField(_("sampling interval (minutes)"), default=10)
    traffic_paths = models.JSONField(
        _("sampling path"), default=list, blank=True, help_text=_("Empty: All Scenarios")
    )
    project_name = models.CharField(_("project"), max_length=63)
    logstore_name = models.CharField(_("Logstore"), max_length=63)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.ACTIVATING)
    delivery_status = models.CharField(
        max_length=7, choices=DeliveryStatus.choices, default=DeliveryStatus.NONE, blank=True
    )
    delivery_error = models.CharField(
        max_length=32, blank=True, help_text=_("Code of the reason, from flowlogs.rules")
    )
    tags = models.JSONField(default=dict, blank=True, help_text=_("Key to value, at most 20"))
    is_demo = models.BooleanField(_("demo data"), default=False)
    captured = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text=_("How many ENIs it covers, and those that are captured at another interval, now or soon"),
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(Kept.Meta):
        ordering = ["-created_at", "id"]
        indexes = [
            models.Index(fields=["account", "region", "-created_at"]),
            models.Index(fields=["vpc", "status"]),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(interval__in=[1, 5, 10]), name="flow_log_interval"),
            models.CheckConstraint(
                condition=Q(resource_type__in=["VPC", "VSwitch", "NetworkInterface"]),
                name="flow_log_resource_type",
            ),
            models.CheckConstraint(
                condition=Q(traffic_type__in=["All", "Allow", "Drop"]), name="flow_log_traffic_type"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.id})"


class Coverage(models.Model):
    """A flow log covers a network interface during a half-open span of time; ``until`` is empty while it does."""

    flow_log = models.ForeignKey(FlowLog, models.CASCADE, related_name="coverage")
    network_interface = models.ForeignKey(NetworkInterface, models.CASCADE, related_name="coverage")
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = _("coverage")
        ordering = ["flow_log", "network_interface", "since"]
        indexes = [models.Index(fields=["network_interface", "since"]), models.Index(fields=["until"])]
        constraints = [
            models.UniqueConstraint(
                fields=["flow_log", "network_interface"],
                condition=Q(until__isnull=True),
                name="coverage_open_once",
            ),
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gte=models.F("since")), name="coverage_time_order"
            ),
        ]

    def __str__(self) -> str:
        names = {"flow_log": self.flow_log_id, "interface": self.network_interface_id}
        return gettext("%(flow_log)s covers %(interface)s") % names


class IntervalChange(models.Model):
    """From ``since`` on, a network interface is captured in windows of ``interval`` minutes (0: not captured)."""

    network_interface = models.ForeignKey(NetworkInterface, models.CASCADE, related_name="interval_changes")
    interval = models.PositiveSmallIntegerField()
    since = models.DateTimeField()

    class Meta:
        ordering = ["network_interface", "since"]
        constraints = [
            models.UniqueConstraint(fields=["network_interface", "since"], name="interval_change_once"),
            models.CheckConstraint(condition=Q(interval__in=[0, 1, 5, 10]), name="interval_change_value"),
        ]

    def __str__(self) -> str:
        return gettext("%(interface)s: %(count)s min") % {
            "interface": self.network_interface_id,
            "count": self.interval,
        }
