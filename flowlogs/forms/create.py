"""The form of a new flow log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from console.models import Account, Region
from flowlogs import resources, rules, services
from flowlogs.models import FlowLog, Logstore, Project
from flowlogs.rules import Violation

from .shared import INTERVALS, MINUTES, REFRESHES, REQUIRED, TRAFFIC_PATHS, add_violations, said

SELECT = "select"
CREATE = "create"
ALL_SCENARIOS = "all"
SINGLE_PATHS = "single"


class FlowLogForm(forms.Form):
    """A new flow log. ``values`` are the arguments of ``services.create_flow_log``."""

    HELP = {
        "resource_type": {
            FlowLog.ResourceType.VPC.value: _("All its ENIs, later ones too"),
            FlowLog.ResourceType.VSWITCH.value: _("All its ENIs, later ones too"),
            FlowLog.ResourceType.ENI.value: _("This one only"),
        },
        "traffic_type": {
            FlowLog.TrafficType.ALLOW.value: _("By security groups and network ACLs"),
            FlowLog.TrafficType.DROP.value: _("By security groups or network ACLs"),
        },
        "ip_version": {FlowLog.IpVersion.DUAL_STACK.value: _("IPv4 and IPv6")},
        "path_mode": {SINGLE_PATHS: _("Only allowed traffic that takes these paths")},
    }

    name = forms.CharField(
        label=_("Name"), required=False, help_text=_("Without a name, the flow log is called by its ID.")
    )
    resource_type = forms.ChoiceField(
        label=_("Resource type"),
        required=False,
        choices=FlowLog.ResourceType.choices,
        initial=FlowLog.ResourceType.VPC.value,
        widget=forms.RadioSelect(attrs=REFRESHES),
    )
    resource_search = forms.CharField(
        label=_("Find a resource"),
        required=False,
        widget=forms.SearchInput(attrs={"placeholder": _("Name, ID, or address")}),
    )
    resource_id = forms.CharField(label=_("Resource instance"), error_messages=REQUIRED, widget=forms.Select)
    traffic_type = forms.ChoiceField(
        label=_("Data transfer type"),
        required=False,
        choices=FlowLog.TrafficType.choices,
        initial=FlowLog.TrafficType.ALL.value,
        widget=forms.RadioSelect,
    )
    ip_version = forms.ChoiceField(
        label=_("IP version"),
        required=False,
        choices=FlowLog.IpVersion.choices,
        initial=FlowLog.IpVersion.IPV4.value,
        widget=forms.RadioSelect,
    )
    interval = forms.TypedChoiceField(
        label=_("Sampling interval (minutes)"),
        required=False,
        coerce=int,
        choices=INTERVALS,
        initial=rules.DEFAULT_INTERVAL,
        widget=forms.RadioSelect,
        help_text=_(
            "Where several flow logs of a VPC cover the same ENI, the shortest of their intervals counts."
        ),
    )
    path_mode = forms.ChoiceField(
        label=_("Sampling path"),
        required=False,
        choices=[(ALL_SCENARIOS, _("All Scenarios")), (SINGLE_PATHS, _("Single paths"))],
        initial=ALL_SCENARIOS,
        widget=forms.RadioSelect(attrs=REFRESHES),
    )
    traffic_paths = forms.MultipleChoiceField(
        label=_("Paths to record"),
        required=False,
        choices=list(TRAFFIC_PATHS.items()),
        widget=forms.CheckboxSelectMultiple,
    )
    project_mode = forms.ChoiceField(
        label=_("Project"),
        required=False,
        choices=[(SELECT, _("Select project")), (CREATE, _("Create project"))],
        widget=forms.RadioSelect(attrs=REFRESHES),
    )
    project_name = forms.CharField(label=_("Project name"), error_messages=REQUIRED)
    logstore_mode = forms.ChoiceField(
        label=_("Logstore"),
        required=False,
        choices=[(SELECT, _("Select Logstore")), (CREATE, _("Create Logstore"))],
        widget=forms.RadioSelect(attrs=REFRESHES),
    )
    logstore_name = forms.CharField(label=_("Logstore name"), error_messages=REQUIRED)
    analysis_report = forms.BooleanField(label=_("Enable Log Analysis Report"), required=False)
    report_for = forms.CharField(required=False, widget=forms.HiddenInput)
    description = forms.CharField(
        label=_("Description"), required=False, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(
        self, *args: Any, account: Account, region: Region, grouped: bool = False, **kwargs: Any
    ) -> None:
        """Offer what the account has in the region; ``grouped`` offers resources of all types at once."""
        super().__init__(*args, **kwargs)
        self.account = account
        self.region = region
        self.has_more_resources = False
        if not region.ipv6_available:
            del self.fields["ip_version"]
        self._offer_resources(grouped)
        self._offer_projects()
        self._offer_logstores()
        self._offer_report()

    @property
    def has_single_paths(self) -> bool:
        """Whether single sampling paths are asked for."""
        return self._current("path_mode") == SINGLE_PATHS

    @cached_property
    def projects(self) -> list[Project]:
        """The projects that may be chosen."""
        return list(Project.objects.filter(account=self.account, region=self.region))

    @cached_property
    def logstores(self) -> list[Logstore]:
        """The Logstores of the chosen project."""
        chosen = next((each for each in self.projects if each.name == self._current("project_name")), None)
        if self.creates_project or chosen is None:
            return []
        return list(chosen.logstores.all())

    @property
    def logstore(self) -> Logstore | None:
        """The Logstore that is chosen, if it is one that exists."""
        if self.creates_logstore:
            return None
        chosen = self._current("logstore_name")
        return next((each for each in self.logstores if each.name == chosen), None)

    @property
    def creates_project(self) -> bool:
        """Whether a project is to be created; the only way where there is none."""
        return not self.projects or self._current("project_mode") == CREATE

    @property
    def creates_logstore(self) -> bool:
        """Whether a Logstore is to be created; the only way where the project has none."""
        return not self.logstores or self._current("logstore_mode") == CREATE

    @property
    def offers_report(self) -> bool:
        """Whether the analysis report can be switched on: in a new Logstore, or one that does not have it."""
        return self.creates_logstore or (self.logstore is not None and not self.logstore.analysis_report)

    def values(self) -> dict[str, Any]:
        """Return the arguments of ``services.create_flow_log`` as they are entered now."""
        return {
            "name": self._current("name"),
            "resource_type": self.chosen[0] if self.chosen else self._current("resource_type"),
            "resource_id": self._current("resource_id"),
            "traffic_type": self._current("traffic_type") or FlowLog.TrafficType.ALL.value,
            "ip_version": self._current("ip_version") or FlowLog.IpVersion.IPV4.value,
            "interval": MINUTES.get(self._current("interval"), rules.DEFAULT_INTERVAL),
            "traffic_paths": self._paths() if self.has_single_paths else [],
            "project_name": self._current("project_name"),
            "create_project": self.creates_project,
            "logstore_name": self._current("logstore_name"),
            "create_logstore": self.creates_logstore,
            "analysis_report": self.offers_report and bool(self._current("analysis_report")),
            "description": self._current("description"),
        }

    def problems(self) -> list[str]:
        """Return what is wrong with a form that is still being filled in; what is missing is not wrong yet."""
        return [said(each.code, each.params) for each in self._broken() if each.code != "Required"]

    def clean(self) -> None:
        """Say at once all that is wrong, so that nobody has to send the form twice to learn it."""
        super().clean()
        if self.has_single_paths and not self._paths():
            self.add_error("traffic_paths", said("TrafficPathEmpty"))
        add_violations(self, [each for each in self._broken() if each.field not in self.errors])

    def _broken(self) -> list[Violation]:
        return services.violations(self.account, self.region, rules.FlowLogValues(**self.values()))

    def _paths(self) -> list[str]:
        return list(self["traffic_paths"].value() or [])

    @cached_property
    def chosen(self) -> tuple[str, resources.Choice] | None:
        """The kind of the chosen resource, and the resource; the kind it has is the one that counts."""
        resource_id = self._current("resource_id")
        return resources.find(self.account, self.region, resource_id) if resource_id else None

    def _offer_resources(self, grouped: bool) -> None:
        kind, text = self._current("resource_type"), self._current("resource_search")
        groups: list[tuple[Any, list[resources.Choice]]] = []
        for value, label in FlowLog.ResourceType.choices:
            if not grouped and value != kind:
                continue
            found, more = resources.search(self.account, self.region, value, text)
            if self.chosen and self.chosen[0] == value and self.chosen[1] not in found:
                found.insert(0, self.chosen[1])
            groups.append((label, found))
            self.has_more_resources |= more
        prompt = _("Choose a resource") if any(found for _label, found in groups) else _("Nothing found")
        choices = groups if grouped else [each for _label, found in groups for each in found]
        self.fields["resource_id"].widget.choices = [("", prompt), *choices]

    def _offer_projects(self) -> None:
        names = [each.name for each in self.projects]
        if self.creates_project:
            suggestion = f"flowlog-{self.account.pk}-{self.region.pk}"
            self._suggest("project_mode", CREATE)
            self._suggest("project_name", suggestion, unless_in=names)
            return
        self._suggest("project_mode", SELECT)
        self._suggest("project_name", names[0], only_in=names)
        self._select_from("project_name", _("Choose a project"), names)

    def _offer_logstores(self) -> None:
        names = [each.name for each in self.logstores]
        if self.creates_logstore:
            self._suggest("logstore_mode", CREATE)
            self._suggest("logstore_name", "flow-logs", unless_in=names)
            return
        self._suggest("logstore_mode", SELECT)
        self._suggest("logstore_name", names[0], only_in=names)
        self._select_from("logstore_name", _("Choose a Logstore"), names)

    def _offer_report(self) -> None:
        about = CREATE if self.creates_logstore else self._current("logstore_name")
        if self._current("report_for") != about:
            # a new Logstore has it by default; in one with records it would shorten how long they are kept
            self.initial.update(report_for=about, analysis_report=self.creates_logstore)

    def _suggest(
        self, name: str, value: str, *, unless_in: Sequence[str] = (), only_in: Sequence[str] = ()
    ) -> None:
        """Fill in a field of a form that was not sent, where it is empty or says what it cannot say now."""
        current = self._current(name)
        if not current or current in unless_in or (only_in and current not in only_in):
            self.initial[name] = value

    def _select_from(self, name: str, prompt: Any, names: Sequence[str]) -> None:
        choices = [("", prompt), *((each, each) for each in names)]
        self.fields[name].widget = forms.Select(attrs=REFRESHES, choices=choices)

    def _current(self, name: str) -> str:
        """Return what is entered in a field now, before anything is checked."""
        if name not in self.fields:
            return ""
        if self.is_bound:
            value = self.data.get(self.add_prefix(name))
        else:
            value = self.get_initial_for_field(self.fields[name], name)
        return "" if value in (None, False) else str(value).strip()
