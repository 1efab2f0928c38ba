"""The form of new flow logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.models import Account, Region
from flowlogs import resources, rules, services
from flowlogs.models import FlowLog, Logstore, Project
from flowlogs.resources import INSTANCE, Choice
from flowlogs.rules import FlowLogValues, Violation

from .fields import OneOf, RadioSome, ResourcesField, TagsField, show_more_tags
from .shared import INTERVALS, MINUTES, REFRESHES, REQUIRED, TRAFFIC_PATHS, add_violations, said

SELECT = "select"
CREATE = "create"
NEW_PROJECT = "new/new"
NEW = {CREATE, NEW_PROJECT}
"""What the page notes of its target where the Logstore is to be created, alone or with its project."""
ALL_SCENARIOS = "all"
SINGLE_PATHS = "single"
ONE_AT_A_TIME = (FlowLog.ResourceType.VPC, FlowLog.ResourceType.VSWITCH)
SHOWN_SEVERAL = 30
"""How many ENIs or ECS instances are offered at once; the others are found by search."""


class FlowLogForm(forms.Form):
    """New flow logs. ``values`` and ``resource_ids`` are the arguments of ``services.create_flow_logs``."""

    HELP = {
        "resource_type": {
            FlowLog.ResourceType.VPC.value: _("All its ENIs, later ones too"),
            FlowLog.ResourceType.VSWITCH.value: _("All its ENIs, later ones too"),
            FlowLog.ResourceType.ENI.value: _("One flow log for each"),
            INSTANCE: _("One flow log for each of their ENIs"),
        },
        "traffic_type": {
            FlowLog.TrafficType.ALLOW.value: _("By security groups and network ACLs"),
            FlowLog.TrafficType.DROP.value: _("By security groups or network ACLs"),
        },
        "ip_version": {FlowLog.IpVersion.DUAL_STACK.value: _("IPv4 and IPv6")},
        "path_mode": {SINGLE_PATHS: _("Only allowed traffic that takes these paths")},
    }

    name = forms.CharField(
        label=_("Name"),
        required=False,
        help_text=_("Without a name, a flow log is called by its ID. Several get -1, -2, … after the name."),
    )
    resource_type = forms.ChoiceField(
        label=_("Resource type"),
        required=False,
        choices=[*FlowLog.ResourceType.choices, (INSTANCE, _("ECS instances"))],
        initial=FlowLog.ResourceType.VPC.value,
        widget=forms.RadioSelect(attrs=REFRESHES),
    )
    resource_search = forms.CharField(
        label=_("Find a resource"),
        required=False,
        widget=forms.SearchInput(attrs={"placeholder": _("Name, ID, or address")}),
    )
    resource_id = ResourcesField(label=_("Resource instance"), error_messages=REQUIRED)
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
        widget=RadioSome,
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
    tags = TagsField(
        label=_("Tags"), required=False, help_text=_("At most 20. Rows without key and value do not count.")
    )

    def __init__(
        self,
        *args: Any,
        account: Account,
        region: Region,
        spare_tags: int = 1,
        searches: bool = True,
        refused: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        """Offer what the account has in the region, but resources only where the form ``searches``.

        ``refused`` are the kinds that the user may not list, with the actions that would list them.
        ``spare_tags`` is how many empty rows of tags there are.
        """
        super().__init__(*args, **kwargs)
        self.account = account
        self.region = region
        self.refused = refused or {}
        self.has_more_resources = False
        self.offers_nothing = False
        """Whether there is no resource to choose, whatever is looked for."""
        self.is_live = False
        if not region.ipv6_available:
            widget = self.fields["ip_version"].widget
            widget.barred = (FlowLog.IpVersion.DUAL_STACK.value,)
            refusal = {FlowLog.IpVersion.DUAL_STACK.value: _("Not available in this region")}
            self.HELP = {**self.HELP, "ip_version": refusal}
        show_more_tags(self.fields["tags"], spare_tags)
        self._before = self._current("report_for")
        if searches:
            self._offer_resources()
        self._offer_projects()
        self._offer_logstores()
        self._offer_report()

    @property
    def has_single_paths(self) -> bool:
        """Whether single sampling paths are asked for."""
        return self._current("path_mode") == SINGLE_PATHS

    @property
    def nothing(self) -> Any:
        """What stands where there is no resource to choose."""
        action = self.refused.get(self._current("resource_type"))
        if action:
            return gettext("You need the permission %(action)s.") % {"action": action}
        return _("Nothing found")

    @property
    def takes_several(self) -> bool:
        """Whether several resources can be chosen at once."""
        return self._current("resource_type") not in ONE_AT_A_TIME

    @cached_property
    def projects(self) -> list[Project]:
        """The projects that may be chosen."""
        return list(Project.objects.filter(account=self.account, region=self.region))

    @cached_property
    def logstores(self) -> list[Logstore]:
        """The Logstores of the chosen project."""
        if self.creates_project or self._project is None:
            return []
        return list(self._project.logstores.all())

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
        has_none = not self.logstores and (self.creates_project or self._project is not None)
        return has_none or self._current("logstore_mode") == CREATE

    @property
    def offers_report(self) -> bool:
        """Whether the analysis report can be switched on: in a new Logstore, or one that does not have it."""
        return self.creates_logstore or (self.logstore is not None and not self.logstore.analysis_report)

    @property
    def will_be_indexed(self) -> bool:
        """Whether the Logstore has, or will have, indexes."""
        has_report = self.logstore is not None and self.logstore.analysis_report
        return has_report or (self.offers_report and bool(self._current("analysis_report")))

    def values(self) -> dict[str, Any]:
        """Return what all the flow logs have in common, as it is entered now."""
        return {
            "name": self._current("name"),
            "resource_type": self._targets[0],
            "traffic_type": self._current("traffic_type") or FlowLog.TrafficType.ALL.value,
            "ip_version": self._current("ip_version") or FlowLog.IpVersion.IPV4.value,
            "interval": MINUTES.get(self._current("interval"), rules.DEFAULT_INTERVAL),
            "traffic_paths": self._list("traffic_paths") if self.has_single_paths else [],
            "project_name": self._current("project_name"),
            "create_project": self.creates_project,
            "logstore_name": self._current("logstore_name"),
            "create_logstore": self.creates_logstore,
            "analysis_report": self.offers_report and bool(self._current("analysis_report")),
            "description": self._current("description"),
            "tags": dict(self._tags),
        }

    def first(self) -> FlowLogValues:
        """Return the values of the first of the flow logs, as they are entered now."""
        return FlowLogValues(**self.values(), resource_id=next(iter(self.resource_ids), ""))

    @property
    def resource_ids(self) -> list[str]:
        """What the flow logs are of, one each: VPC, vSwitch or ENIs."""
        return self._targets[1]

    @cached_property
    def messages(self) -> dict[str, list[str]]:
        """What is wrong, by field, of a form that was sent or one that is still being filled in."""
        if self.is_bound:
            return {name: [str(each) for each in errors] for name, errors in self.errors.items()}
        found: dict[str, list[str]] = {}
        for each in self._broken if self.is_live else ():
            if each.code not in rules.NOT_YET:
                found.setdefault(each.field, []).append(said(each.code, each.params))
        return found

    @property
    def obstacles(self) -> list[str]:
        """Why nothing could be created of what is entered, of a form that is still being filled in.

        It is said beside what the flow logs come to, though beside its field too: otherwise that looks possible.
        """
        if self.is_bound:
            return []
        found = [said(each.code, each.params) for each in self._broken if each.code not in rules.NOT_YET]
        return list(dict.fromkeys(found))

    @property
    def missing(self) -> list[str]:
        """The labels of what is still to be chosen or entered, of a form that is still being filled in."""
        if self.is_bound:
            return []
        fields = [each.field for each in self._broken if each.code in rules.NOT_YET]
        return [str(self.fields[name].label) for name in dict.fromkeys(fields)]

    @property
    def lacks_paths(self) -> bool:
        """Whether single sampling paths are asked for, but none is chosen: what they record is not known."""
        return self.has_single_paths and not self._list("traffic_paths")

    @property
    def records_nothing(self) -> bool:
        """Whether denied traffic of single paths is asked for, which is not recorded."""
        return self.has_single_paths and self._current("traffic_type") == FlowLog.TrafficType.DROP

    def clean(self) -> None:
        """Say at once all that is wrong, so that nobody has to send the form twice to learn it."""
        super().clean()
        add_violations(self, [each for each in self._broken if each.field not in self.errors])

    @cached_property
    def _broken(self) -> list[Violation]:
        found = services.violations(self.account, self.region, self.first(), self.resource_ids)
        found += [
            Violation("WithoutInterface", "resource_id", {"instance": instance})
            for instance, interfaces in self._instances.items()
            if not interfaces
        ]
        if self.lacks_paths:
            # whichever path is chosen, denied traffic of it is not recorded
            code = "DeniedTrafficPath" if self.records_nothing else "TrafficPathEmpty"
            found.append(Violation(code, "traffic_paths"))
        # a dictionary knows no key twice
        return found + [each for each in rules.tags(self._tags) if each not in found]

    @property
    def _kind(self) -> str:
        """What is chosen from: the kind that the chosen resources have is the one that counts."""
        return self._chosen[0]

    @cached_property
    def _chosen(self) -> tuple[str, list[Choice]]:
        kind, ids = self._current("resource_type"), self._list("resource_id")
        found = resources.find(self.account, self.region, ids, kind) if ids else None
        if found and found[0] in self.refused:
            # an ID may be known without the right to learn its name
            return found[0], [Choice(each.id, each.id) for each in found[1]]
        return found or (kind, [])

    @cached_property
    def _instances(self) -> dict[str, list[str]]:
        """The ENIs of the chosen ECS instances."""
        if self._kind != INSTANCE:
            return {}
        return resources.interfaces_of(self.account, self.region, self._list("resource_id"))

    @cached_property
    def _targets(self) -> tuple[str, list[str]]:
        """The resource type of the flow logs, and what they are of, one each."""
        ids = list(dict.fromkeys(self._list("resource_id")))
        if self._kind != INSTANCE:
            return self._kind, ids
        missing = [pk for pk in ids if pk not in self._instances]
        # in the order of the choice, which is that of their numbers
        interfaces = [pk for instance in ids for pk in self._instances.get(instance, ())]
        return FlowLog.ResourceType.ENI.value, interfaces + missing

    @property
    def _project(self) -> Project | None:
        """The project that is chosen, if it is one that exists."""
        chosen = self._current("project_name")
        return next((each for each in self.projects if each.name == chosen), None)

    @property
    def _tags(self) -> list[tuple[str, str]]:
        return [(key, value) for key, value in self["tags"].value() or ()]

    def _offer_resources(self) -> None:
        kind, chosen = self._chosen
        asked = self._current("resource_type")
        limit = resources.LIMIT if asked in ONE_AT_A_TIME else SHOWN_SEVERAL
        found: list[Choice] = []
        text = self._current("resource_search")
        if asked not in self.refused:
            found, self.has_more_resources = resources.search(self.account, self.region, asked, text, limit)
            self.offers_nothing = not (found or chosen or text)
        if kind == asked:
            known = {choice.id for choice in chosen}
            found = [*chosen, *(each for each in found if each.id not in known)]
        field = self.fields["resource_id"]
        if asked in ONE_AT_A_TIME:
            prompt = _("Choose a resource") if found else self.nothing
            field.widget = OneOf(choices=[("", prompt), *found])
            return
        field.widget = forms.CheckboxSelectMultiple(choices=found)
        field.label = _("ENIs") if asked != INSTANCE else _("ECS instances")

    def _offer_projects(self) -> None:
        names = [each.name for each in self.projects]
        if self.creates_project:
            suggestion = f"flowlog-{self.account.pk}-{self.region.pk}"
            self._suggest("project_mode", CREATE)
            # a name that is taken may be what was chosen before, but not what was typed
            self._suggest("project_name", suggestion, unless_in=() if self._before == NEW_PROJECT else names)
            return
        self._suggest("project_mode", SELECT)
        # where there is a choice, nobody chooses for the user
        self._suggest("project_name", names[0] if len(names) == 1 else "", only_in=names)
        self._select_from("project_name", _("Choose a project"), names)

    def _offer_logstores(self) -> None:
        names = [each.name for each in self.logstores]
        if self.creates_logstore:
            self._suggest("logstore_mode", CREATE)
            self._suggest("logstore_name", "flow-logs", unless_in=() if self._before in NEW else names)
            return
        self._suggest("logstore_mode", SELECT)
        self._suggest("logstore_name", "", only_in=names)
        prompt = _("Choose a Logstore") if self._project else _("Choose a project first")
        self._select_from("logstore_name", prompt, names)

    def _offer_report(self) -> None:
        about = CREATE if self.creates_logstore else self._current("logstore_name")
        if self.creates_project:
            about = NEW_PROJECT
        if self._before != about and not {self._before, about} <= NEW:
            # a new Logstore has it by default; in one with records it would shorten how long they are kept
            self.initial["analysis_report"] = self.creates_logstore
        self.initial["report_for"] = about

    def _suggest(
        self, name: str, value: str, *, unless_in: Sequence[str] = (), only_in: Sequence[str] | None = None
    ) -> None:
        """Fill in a field of a form that was not sent, where it is empty or says what it cannot say now."""
        current = self._current(name)
        if not current or current in unless_in or (only_in is not None and current not in only_in):
            self.initial[name] = value

    def _select_from(self, name: str, prompt: Any, names: Sequence[str]) -> None:
        choices = [("", prompt), *((each, each) for each in names)]
        self.fields[name].widget = forms.Select(attrs=REFRESHES, choices=choices)

    def _list(self, name: str) -> list[str]:
        """Return what is chosen in a field for several values now, before anything is checked."""
        return [str(value) for value in self[name].value() or () if value]

    def _current(self, name: str) -> str:
        """Return what is entered in a field now, before anything is checked."""
        if self.is_bound:
            value = self.data.get(self.add_prefix(name))
        else:
            value = self.get_initial_for_field(self.fields[name], name)
        return "" if value in (None, False) else str(value).strip()
