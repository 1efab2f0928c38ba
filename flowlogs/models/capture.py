"""The state of capture: what was received, which windows it fell into, and what was delivered."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from .flowlog import FlowLog
from .network import Exporter, Vpc


class Collector(models.Model):
    """A process that receives datagrams, with how far its segments are sealed and decoded (Unix ms)."""

    id = models.CharField(_("collector ID"), primary_key=True, max_length=64)
    started_at = models.DateTimeField(null=True, blank=True)
    last_seen = models.DateTimeField(null=True, blank=True)
    sealed_through = models.BigIntegerField(
        default=0, help_text=_("Unix ms; earlier datagrams are in sealed segments")
    )
    decoded_through = models.BigIntegerField(default=0, help_text=_("Unix ms; earlier datagrams are decoded"))
    datagrams = models.BigIntegerField(default=0)
    kernel_drops = models.BigIntegerField(default=0)
    spool_drops = models.BigIntegerField(default=0)
    spool_bytes = models.BigIntegerField(default=0)
    address = models.CharField(max_length=64, blank=True, help_text=_("Where it listens"))
    trouble = models.CharField(max_length=200, blank=True)
    decoded_segment = models.BigIntegerField(
        default=-1, help_text=_("Number of the last segment that is decoded")
    )
    losses_seen = models.BigIntegerField(
        default=0, help_text=_("Number of the last loss taken from its status")
    )
    is_history = models.BooleanField(default=False, help_text=_("Replays the past; never counts as down"))
    retired_at = models.DateTimeField(null=True, blank=True)
    sessions = models.BinaryField(
        default=b"", help_text=_("Templates, options and sequence state, zlib JSON")
    )
    decode_lease = models.DateTimeField(null=True, blank=True)
    decode_attempt = models.BigIntegerField(default=0)
    decode_failures = models.PositiveIntegerField(
        default=0, help_text=_("How often in a row the next segment could not be decoded")
    )

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.id


class InventoryVersion(models.Model):
    """The network as attribution needs it, from ``since`` on: the version in force at receipt counts.

    Never changed once it is written. Those of earlier releases have all that they say in ``content``.
    """

    since = models.BigIntegerField(help_text=_("Unix ms"))
    parts = models.BinaryField(default=b"", help_text=_("Digest of each part by name, zlib JSON"))
    content = models.BinaryField(default=b"", help_text=_("zlib JSON"))
    digest = models.CharField(max_length=64)

    class Meta:
        ordering = ["-since", "-id"]
        indexes = [models.Index(fields=["since"])]

    def __str__(self) -> str:
        return gettext("inventory %(number)s") % {"number": self.pk}


class InventoryPart(models.Model):
    """A part of inventory versions, known by what it says: a VPC, the ENIs of a vSwitch, or the exporters.

    ``replaced`` is empty as long as the newest version has it; versions from then on do not.
    """

    digest = models.CharField(primary_key=True, max_length=32)
    replaced = models.BigIntegerField(null=True, blank=True, db_index=True, help_text=_("Unix ms"))
    content = models.BinaryField(help_text=_("zlib JSON"))

    class Meta:
        ordering = ["digest"]

    def __str__(self) -> str:
        return self.digest


class InventoryMark(models.Model):
    """A note that a part of the inventory may have changed, made in the transaction that changed it.

    It goes when the part has been looked at after that, in the transaction that writes the version.
    """

    key = models.CharField(max_length=160, help_text=_("Name of the part"))

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.key


class Stream(models.Model):
    """One stream of an exporter: address, source port and observation domain, with its counters."""

    exporter = models.ForeignKey(Exporter, models.CASCADE, related_name="streams")
    port = models.PositiveIntegerField()
    domain = models.BigIntegerField()
    version = models.PositiveSmallIntegerField(help_text=_("5, 9 or 10 (IPFIX)"))
    datagrams = models.BigIntegerField(default=0)
    flows = models.BigIntegerField(_("decoded flows"), default=0)
    packets = models.BigIntegerField(_("decoded packets"), default=0)
    bytes = models.BigIntegerField(_("decoded bytes"), default=0)
    attributed_flows = models.BigIntegerField(default=0)
    attributed_packets = models.BigIntegerField(default=0)
    attributed_bytes = models.BigIntegerField(default=0)
    unattributed_flows = models.BigIntegerField(default=0)
    unattributed_packets = models.BigIntegerField(default=0)
    unattributed_bytes = models.BigIntegerField(default=0)
    samples = models.BigIntegerField(default=0)
    uncovered_samples = models.BigIntegerField(
        default=0, help_text=_("Samples of interfaces that no flow log covers")
    )
    malformed = models.BigIntegerField(_("undecodable datagrams, sets and templates"), default=0)
    waiting = models.BigIntegerField(_("data sets waiting for a template"), default=0)
    lost_flows = models.BigIntegerField(default=0)
    lost_datagrams = models.BigIntegerField(default=0)
    clock_offset_ms = models.BigIntegerField(default=0, help_text=_("Receipt minus export time"))
    longest_flow_ms = models.BigIntegerField(default=0, help_text=_("Longest flow of the last hour"))
    longest_delay_ms = models.BigIntegerField(
        default=0, help_text=_("Longest receipt minus last packet, of the last hour")
    )
    delays_since = models.DateTimeField(null=True, blank=True)
    first_seen = models.DateTimeField(null=True, blank=True)
    last_seen = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["exporter", "port", "domain"]
        constraints = [
            models.UniqueConstraint(fields=["exporter", "port", "domain", "version"], name="stream_once"),
            models.CheckConstraint(
                condition=Q(flows=models.F("attributed_flows") + models.F("unattributed_flows")),
                name="stream_flows_conserved",
            ),
        ]

    def __str__(self) -> str:
        return gettext("%(exporter)s port %(port)s domain %(domain)s") % {
            "exporter": self.exporter_id,
            "port": self.port,
            "domain": self.domain,
        }


class Unattributed(models.Model):
    """Flows of an exporter that matched no network interface, by peer and service; the heaviest are kept."""

    exporter = models.ForeignKey(Exporter, models.CASCADE, related_name="unattributed")
    srcaddr = models.GenericIPAddressField()
    dstaddr = models.GenericIPAddressField()
    protocol = models.PositiveSmallIntegerField()
    dstport = models.PositiveIntegerField()
    flows = models.BigIntegerField(default=0)
    packets = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    last_seen = models.DateTimeField()

    class Meta:
        verbose_name = _("unattributed flow")
        ordering = ["-bytes"]
        constraints = [
            models.UniqueConstraint(
                fields=["exporter", "srcaddr", "dstaddr", "protocol", "dstport"], name="unattributed_once"
            )
        ]

    def __str__(self) -> str:
        return gettext("%(source)s to %(destination)s") % {
            "source": self.srcaddr,
            "destination": self.dstaddr,
        }


class Loss(models.Model):
    """Something an exporter sent, or may have sent, that capture does not have; it marks windows SKIPDATA.

    Without an exporter it is a loss of the collector and counts for every exporter it serves.
    """

    UNITS = [
        ("flows", _("flows")),
        ("datagrams", _("datagrams")),
        ("seconds", _("seconds without collector")),
    ]
    REASONS = [
        ("sequence", _("Sequence gap")),
        ("kernel", _("Kernel receive buffer full")),
        ("spool", _("Spool full")),
        ("undecodable", _("Undecodable data")),
        ("template", _("No template in time")),
        ("collector", _("Collector down")),
        ("clock", _("Collector clock stepped")),
    ]

    collector = models.ForeignKey(Collector, models.CASCADE, related_name="losses")
    exporter = models.ForeignKey(Exporter, models.CASCADE, null=True, blank=True, related_name="losses")
    since = models.BigIntegerField(help_text=_("Unix ms of receipt"))
    until = models.BigIntegerField(help_text=_("Unix ms of receipt, inclusive"))
    unit = models.CharField(max_length=9, choices=UNITS)
    count = models.BigIntegerField()
    reason = models.CharField(max_length=11, choices=REASONS)

    class Meta:
        verbose_name_plural = _("losses")
        ordering = ["-until"]
        indexes = [models.Index(fields=["until"])]

    def __str__(self) -> str:
        return f"{self.count} {self.get_unit_display()}: {self.get_reason_display()}"

    @property
    def seconds(self) -> int:
        """Unix second of its last receipt."""
        return self.until // 1000


class SampleFile(models.Model):
    """A Parquet file of samples: what one decode step made; its row exists exactly when its segments are gone."""

    collector = models.ForeignKey(Collector, models.CASCADE, related_name="sample_files")
    path = models.CharField(max_length=255, unique=True, help_text=_("Relative to FLOWLOG_STORE"))
    rows = models.BigIntegerField()
    size = models.BigIntegerField(_("bytes on disk"))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.path


class Window(models.Model):
    """A capture window of a VPC: ``[start, start + interval)``, aligned to the epoch, UTC.

    It closes once, then once more for each supplement of late samples, and for good at the late limit.
    """

    vpc = models.ForeignKey(Vpc, models.CASCADE, related_name="windows")
    interval = models.PositiveSmallIntegerField()
    start = models.BigIntegerField(help_text=_("Unix second"))
    closings_made = models.PositiveIntegerField(default=0)
    is_final = models.BooleanField(default=False, help_text=_("The late limit has passed"))
    skipped_exporters = models.JSONField(
        default=list, blank=True, help_text=_("Exporters whose losses are already recorded")
    )
    late_interfaces = models.JSONField(
        default=list, blank=True, help_text=_("Network interfaces whose late samples are already recorded")
    )

    class Meta:
        ordering = ["-start", "vpc", "interval"]
        indexes = [models.Index(fields=["is_final", "start"])]
        constraints = [
            models.UniqueConstraint(fields=["vpc", "interval", "start"], name="window_once"),
            models.CheckConstraint(condition=Q(interval__in=[1, 5, 10]), name="window_interval"),
        ]

    def __str__(self) -> str:
        return gettext("%(vpc)s %(start)s +%(count)s min") % {
            "vpc": self.vpc_id,
            "start": self.start,
            "count": self.interval,
        }

    @property
    def end(self) -> int:
        """Unix second at which the window ends, exclusive."""
        return self.start + 60 * self.interval


class Closing(models.Model):
    """One closing of a window: number 0 at its end, 1 and up for supplements; delivered as a whole or not at all."""

    class Kind(models.TextChoices):
        RECORDS = "records", _("Records")
        FINAL = "final", _("Final (NODATA and SKIPDATA)")
        LATE = "late", _("Late samples (SKIPDATA)")

    class State(models.TextChoices):
        PENDING = "pending", _("Pending")
        DELIVERING = "delivering", _("Delivering")
        DELIVERED = "delivered", _("Delivered")
        QUARANTINED = "quarantined", _("Quarantined")

    window = models.ForeignKey(Window, models.CASCADE, related_name="closings")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=7, choices=Kind.choices, default=Kind.RECORDS)
    state = models.CharField(max_length=11, choices=State.choices, default=State.PENDING)
    attempt = models.PositiveIntegerField(default=0)
    lease = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)
    hinted_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When a task was last asked to deliver it")
    )
    created_at = models.DateTimeField(auto_now_add=True)
    delivered_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When it was first delivered; flow logs that failed may follow")
    )
    skipped_exporters = models.JSONField(
        default=list, blank=True, help_text=_("Exporters whose losses this closing recorded")
    )
    late_interfaces = models.JSONField(
        default=list, blank=True, help_text=_("Network interfaces whose late samples this closing recorded")
    )

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "lease"])]
        constraints = [models.UniqueConstraint(fields=["window", "number"], name="closing_once")]

    def __str__(self) -> str:
        names = {"number": self.number, "window": self.window_id}
        return gettext("closing %(number)s of %(window)s") % names


class SampleSlice(models.Model):
    """The samples of one file that fall into one window; ``closing`` says which closing took them."""

    file = models.ForeignKey(SampleFile, models.CASCADE, related_name="slices")
    window = models.ForeignKey(Window, models.CASCADE, related_name="slices")
    closing = models.ForeignKey(Closing, models.SET_NULL, null=True, blank=True, related_name="slices")
    flows = models.BigIntegerField()
    packets = models.BigIntegerField()
    bytes = models.BigIntegerField()

    class Meta:
        ordering = ["file", "window"]
        constraints = [models.UniqueConstraint(fields=["file", "window"], name="slice_once")]

    def __str__(self) -> str:
        names = {"count": self.flows, "window": self.window_id}
        return gettext("%(count)s samples of window %(window)s") % names


class Delivery(models.Model):
    """What one closing gave one flow log: the ledger, every term counted where it happens.

    ``scope = delivered + filtered + late + quarantined`` in flows, packets and bytes.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("Delivering again")
        DELIVERED = "delivered", _("Delivered")
        FAILED = "failed", _("Failed")

    flow_log = models.ForeignKey(FlowLog, models.CASCADE, related_name="deliveries")
    closing = models.ForeignKey(Closing, models.CASCADE, related_name="deliveries")
    part = models.ForeignKey(
        "flowlogs.Part", models.SET_NULL, null=True, blank=True, related_name="deliveries"
    )
    state = models.CharField(max_length=9, choices=State.choices, default=State.PENDING)
    reason = models.CharField(
        max_length=32, blank=True, help_text=_("Code of the reason, from flowlogs.rules")
    )
    records = models.BigIntegerField(default=0)
    nodata = models.BigIntegerField(_("NODATA records"), default=0)
    skipdata = models.BigIntegerField(_("SKIPDATA records"), default=0)
    size = models.BigIntegerField(
        _("bytes generated"), default=0, help_text=_("Text bytes of the records, the unit of fees")
    )
    scope_flows = models.BigIntegerField(default=0)
    scope_packets = models.BigIntegerField(default=0)
    scope_bytes = models.BigIntegerField(default=0)
    delivered_flows = models.BigIntegerField(default=0)
    delivered_packets = models.BigIntegerField(default=0)
    delivered_bytes = models.BigIntegerField(default=0)
    filtered_flows = models.BigIntegerField(default=0)
    filtered_packets = models.BigIntegerField(default=0)
    filtered_bytes = models.BigIntegerField(default=0)
    late_flows = models.BigIntegerField(default=0)
    late_packets = models.BigIntegerField(default=0)
    late_bytes = models.BigIntegerField(default=0)
    quarantined_flows = models.BigIntegerField(default=0)
    quarantined_packets = models.BigIntegerField(default=0)
    quarantined_bytes = models.BigIntegerField(default=0)
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = _("deliveries")
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "flow_log"], name="delivery_by_state")]
        constraints = [models.UniqueConstraint(fields=["flow_log", "closing"], name="delivery_once")]

    def __str__(self) -> str:
        names = {"flow_log": self.flow_log_id, "closing": self.closing_id}
        return gettext("%(flow_log)s, closing %(closing)s") % names
