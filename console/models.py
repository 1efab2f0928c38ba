"""Who may use the console: accounts, their RAM users with policies and roles, and the regions that exist."""

from functools import cached_property
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console import policies
from console.policies import Statement

DELIVERY_ROLE = "AliyunVPCLogArchiveRole"
DELIVERY_POLICY = "AliyunVPCLogArchiveRolePolicy"


REGION_ID = "(?:cn|ap|eu|us|me)-[a-z0-9]+(?:-[a-z0-9]+)*"
"""What the identifier of a region looks like, which begins the address of its pages."""


class Region(models.Model):
    """A place with its own network resources; flow logs and their Projects live in one region."""

    id = models.CharField(
        max_length=40,
        primary_key=True,
        validators=[RegexValidator(rf"^{REGION_ID}\Z", _("Such as cn-hangzhou: it is part of addresses."))],
    )
    name = models.CharField(max_length=80, unique=True)
    area = models.CharField(max_length=40, help_text=_("The group it stands under in the region menu."))
    order = models.PositiveSmallIntegerField(default=0)
    flow_logs_available = models.BooleanField(default=True)
    ipv6_available = models.BooleanField(default=False)

    class Meta:
        ordering = ("order", "id")

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """Its name in the language of the page."""
        return gettext(self.name)


class Account(models.Model):
    """A customer: owns every resource, has one owner and any number of RAM users."""

    id = models.CharField(max_length=16, primary_key=True)
    name = models.CharField(max_length=80)
    is_demo = models.BooleanField(default=False, help_text=_("Its data is made up and labelled so."))
    flow_log_activated_at = models.DateTimeField(null=True, blank=True)
    log_service_activated_at = models.DateTimeField(null=True, blank=True)
    flow_log_quota = models.PositiveSmallIntegerField(default=10, help_text=_("Flow logs in each region."))
    blocks_old_families = models.BooleanField(
        default=True,
        help_text=_("ECS instances of the documented old families keep flow logs out of their VPC."),
    )
    storage_price = models.DecimalField(
        max_digits=12,
        decimal_places=6,
        default=0,
        help_text=_("USD for a GB stored in Log Service for a month."),
    )
    index_price = models.DecimalField(
        max_digits=12, decimal_places=6, default=0, help_text=_("USD for a GB indexed by Log Service.")
    )
    transformation_price = models.DecimalField(
        max_digits=12, decimal_places=6, default=0, help_text=_("USD for a GB transformed by Log Service.")
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("id",)
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id__regex=r"^[0-9]{16}$"), name="account_id_is_16_digits"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.id})"


class Policy(models.Model):
    """What its holders may do: a RAM policy document. One without an account is a system policy."""

    class Kind(models.TextChoices):
        SYSTEM = "System", _("System")
        CUSTOM = "Custom", _("Custom")

    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, null=True, blank=True, related_name="policies"
    )
    name = models.CharField(max_length=128)
    kind = models.CharField(max_length=6, choices=Kind.choices, default=Kind.CUSTOM)
    description = models.CharField(max_length=256, blank=True)
    document = models.JSONField()

    class Meta:
        verbose_name_plural = _("policies")
        ordering = ("kind", "name")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "name"], name="policy_name_once_in_account"),
            models.UniqueConstraint(
                fields=["name"], condition=Q(account__isnull=True), name="system_policy_name_once"
            ),
            models.CheckConstraint(
                condition=Q(kind="System", account__isnull=True) | Q(kind="Custom", account__isnull=False),
                name="policy_is_system_or_of_an_account",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse a document that could not be followed."""
        found = policies.problems(self.document)
        if found:
            raise ValidationError({"document": [gettext(error.message) % error.params for error in found]})


class User(AbstractUser):
    """A person: the owner of an account, or a RAM user of it with the policies attached to them."""

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, null=True, blank=True, related_name="users"
    )
    is_account_owner = models.BooleanField(default=False)
    policies = models.ManyToManyField(Policy, blank=True, related_name="users")
    must_change_password = models.BooleanField(
        default=False, help_text=_("Every page asks for a password of their own first.")
    )

    class Meta:
        ordering = ("username",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account"], condition=Q(is_account_owner=True), name="account_has_one_owner"
            ),
            models.CheckConstraint(
                condition=Q(is_account_owner=False) | Q(account__isnull=False), name="owner_has_an_account"
            ),
        ]

    @cached_property
    def policy_documents(self) -> list[Any]:
        """The documents of the attached policies, read once for this object."""
        return list(self.policies.values_list("document", flat=True))

    @cached_property
    def policy_statements(self) -> list[list[Statement]]:
        """The statements of each of these documents: a page asks about every row. Raises PolicyError."""
        return [policies.parse(document) for document in self.policy_documents]


class Role(models.Model):
    """A role that a service assumes in an account. Without its policy it exists but may do nothing."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="roles")
    name = models.CharField(max_length=64)
    policy_name = models.CharField(
        max_length=128, blank=True, help_text=_("Empty when the policy is detached.")
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("account", "name")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "name"], name="role_name_once_in_account"),
        ]

    def __str__(self) -> str:
        return self.name


class Change(models.Model):
    """Something a person or the system changed: who, what and when. Written in the transaction of the change."""

    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, null=True, blank=True, related_name="changes"
    )
    region = models.ForeignKey(Region, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    user_name = models.CharField(max_length=150, blank=True, help_text=_("Empty: the system itself."))
    action = models.CharField(max_length=64, help_text=_("Such as vpc:CreateFlowLog."))
    resource_type = models.CharField(max_length=32)
    resource_id = models.CharField(max_length=128)
    values = models.JSONField(default=dict, blank=True, help_text=_("Field: [before, after]."))

    class Meta:
        ordering = ("-id",)
        indexes: ClassVar = [
            models.Index(fields=["resource_id", "-id"]),
            models.Index(fields=["account", "-id"]),
            models.Index(fields=["region", "-id"]),
            models.Index(fields=["user_name", "-id"]),
            models.Index(fields=["action", "-id"]),
            models.Index(fields=["resource_type", "-id"]),
            models.Index(fields=["at"]),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.resource_id}"


class Heartbeat(models.Model):
    """The last sign of life of a background role; readiness asks how old it is."""

    name = models.CharField(max_length=80, primary_key=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
