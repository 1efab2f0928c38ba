"""What an address asks for, as values: the time range, the query and how to show its result. Forms of Logstores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db import transaction
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from analytics.charts import KINDS
from analytics.ranges import RangeError, TimeRange, between, relative
from console.models import Account, Region, User
from flowlogs import rules, services
from flowlogs.forms import REQUIRED, FlowLogDeleteForm, add_violations
from flowlogs.models import Logstore, Project
from flowlogs.record import FIELD_BY_NAME
from flowlogs.services.logstores import held_beyond

PAGE_SIZES = (20, 50, 100)
LONGEST_QUERY = 20_000
LAYOUTS = {"table": _("Table"), "list": _("Key and value")}
NEW_PROJECT = "+"
CHARTS = {kind: label for kind, label in KINDS.items() if kind != "tiles"}


class _Lenient(forms.Field):
    """One of a few values; anything else is the first of them, so that a mistyped address still shows a page."""

    def __init__(self, values: list[str]) -> None:
        super().__init__(required=False)
        self.values = values

    def clean(self, value: Any) -> str:
        """Return the value, or the first there is."""
        return value if value in self.values else self.values[0]


class RangeForm(forms.Form):
    """A time range in an address: `range=15m` (and `at`, the instant it ends), or `from` and `to`."""

    range = forms.CharField(required=False)
    at = forms.CharField(required=False)
    to = forms.CharField(required=False)

    def __init__(self, data: Mapping[str, Any], *, now: int, default: str = "15m") -> None:
        super().__init__(data)
        self.fields["from"] = forms.CharField(required=False)
        self.now = now
        self.default = default

    def clean(self) -> dict[str, Any]:
        """Add `time`, the TimeRange; where it cannot be read, the default range and an error that says why."""
        # What a field refused, such as a NUL, is not there: it stands as empty, beside the error of the field.
        values: dict[str, Any] = dict.fromkeys(self.fields, "") | (super().clean() or {})
        try:
            values["time"] = self._time(values)
        except RangeError as error:
            self.add_error(None, str(error))
            values["time"] = relative(self.default, self.now)
        return values

    @property
    def time(self) -> TimeRange:
        """The range that was asked for."""
        self.is_valid()
        time: TimeRange = self.cleaned_data["time"]
        return time

    @property
    def error(self) -> str:
        """What is wrong with the range, or nothing."""
        return "" if self.is_valid() else str(next(iter(self.errors.values()))[0])

    def _time(self, values: dict[str, Any]) -> TimeRange:
        asked = values["range"]
        if asked in ("", "custom") and (values["from"] or values["to"]):
            return between(values["from"], values["to"], self.now)
        at = int(values["at"]) if values["at"].isdecimal() and len(values["at"]) <= 11 else self.now
        return relative(self.default if asked in ("", "custom") else asked, at)


@dataclass(frozen=True, slots=True)
class Search:
    """What the search page shows: it makes the page's address, and the address makes it."""

    text: str
    time: TimeRange
    tab: str
    page: int
    page_size: int
    layout: str
    chart: str
    field: str
    links: bool = False

    def address(self, **changes: str | int | None) -> str:
        """Return the query string of this page with some parameters changed, or left out where None."""
        parameters: dict[str, str | int | None] = {
            "q": self.text,
            **self.time.parameters(),
            "tab": self.tab,
            "page": self.page if self.page > 1 else None,
            "page_size": self.page_size if self.page_size != PAGE_SIZES[0] else None,
            "layout": self.layout if self.layout != "table" else None,
            "chart": self.chart,
            "field": self.field,
            "links": "1" if self.links else None,
            **changes,
        }
        query = QueryDict(mutable=True)
        query.update({name: str(value) for name, value in parameters.items() if value not in (None, "")})
        return "?" + query.urlencode()


class SearchForm(RangeForm):
    """The parameters of the search page."""

    q = forms.CharField(required=False, max_length=LONGEST_QUERY, label=_("Query"))
    tab = _Lenient(["", "raw", "graph"])
    page = forms.CharField(required=False)
    page_size = _Lenient([str(size) for size in PAGE_SIZES])
    layout = _Lenient(list(LAYOUTS))
    chart = _Lenient(["", *CHARTS])
    field = _Lenient(["", *FIELD_BY_NAME])
    links = _Lenient(["", "1"])

    def search(self) -> Search:
        """Return what was asked for; what cannot be read stands at its default."""
        self.is_valid()
        values = self.cleaned_data
        page = values["page"]
        return Search(
            text=values["q"],
            time=values["time"],
            tab=values["tab"],
            page=max(1, int(page)) if page.isdecimal() and len(page) < 9 else 1,
            page_size=int(values["page_size"]),
            layout=values["layout"],
            chart=values["chart"],
            field=values["field"],
            links=bool(values["links"]),
        )


class LogstoreForm(forms.Form):
    """A new Logstore; the fields bear the names of the parameters that the rules speak of."""

    project = forms.ChoiceField(label=_("Project"), error_messages=REQUIRED)
    project_name = forms.CharField(label=_("Name of the new project"), required=False)
    logstore_name = forms.CharField(label=_("Logstore name"), error_messages=REQUIRED)
    analysis_report = forms.BooleanField(
        label=_("Enable Log Analysis Report"),
        required=False,
        help_text=_("Makes indexes and the dashboard. Records are then kept for 7 days."),
    )
    ttl = forms.IntegerField(
        label=_("Data retention (days)"),
        required=False,
        initial=rules.DEFAULT_RETENTION,
        help_text=_("Without the report: 1 to 3650; 3650 keeps records for good."),
    )

    def __init__(
        self,
        *args: Any,
        account: Account,
        region: Region,
        before: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Offer the projects that the account has in the region; without any, only a new one.

        ``before`` is what a deleted Logstore of the name had, which the form begins with.
        """
        super().__init__(*args, **kwargs)
        self.account = account
        self.region = region
        self.before = before
        if before and before["ttl"]:
            self.fields["ttl"].help_text = _(
                "As the deleted Logstore of this name had it, report and retention."
            )
        self.projects = {each.name: each for each in Project.objects.filter(account=account, region=region)}
        field = self.fields["project"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [*((name, name) for name in self.projects), (NEW_PROJECT, _("Create project"))]
        if not self.projects:
            del self.fields["project"]
            self.fields["project_name"].required = True
            self.fields["project_name"].error_messages |= REQUIRED

    def clean(self) -> dict[str, Any]:
        """Say at once all that is wrong with what was entered."""
        values: dict[str, Any] = super().clean() or {}
        add_violations(self, [each for each in self._broken(values) if each.field not in self.errors])
        return values

    def create(self, by: User) -> Logstore:
        """Create the Logstore, and its project where asked for. Raises RuleError, ActionDenied."""
        values = self.cleaned_data
        with transaction.atomic():
            project = self.projects.get(values.get("project", "")) or services.create_project(
                self.account, self.region, by, values["project_name"]
            )
            report = values["analysis_report"]
            ttl = values["ttl"] if self._sets_retention(report) else None
            return services.create_logstore(project, by, values["logstore_name"], ttl=ttl, report=report)

    def _sets_retention(self, report: bool) -> bool:
        """Tell whether the retention is as entered: with a report only where the deleted Logstore had one."""
        return not report or bool(self.before and self.before["analysis_report"])

    def _broken(self, values: dict[str, Any]) -> list[rules.Violation]:
        new, days = values.get("project_name", ""), values.get("ttl")
        found = rules.logstore_name(values.get("logstore_name", ""))
        if "project" not in self.errors and values.get("project", NEW_PROJECT) == NEW_PROJECT:
            found += rules.project_name(new) if new else [rules.Violation("Required", "project_name")]
        elif new:
            self.add_error("project_name", _("Choose “Create project” to create it, or leave this empty."))
        if days is not None and self._sets_retention(bool(values.get("analysis_report"))):
            found += rules.retention(days)
        return found


class LogstoreEditForm(forms.Form):
    """Retention and report of a Logstore; a shorter retention takes a tick beside what it deletes."""

    analysis_report = forms.BooleanField(
        label=_("Enable Log Analysis Report"),
        required=False,
        help_text=_("Makes indexes and the dashboard. Records are then kept for 7 days."),
    )
    ttl = forms.IntegerField(
        label=_("Data retention (days)"),
        required=False,
        help_text=_("1 to 3650; 3650 keeps records for good."),
    )
    confirmed = forms.CharField(required=False)

    def __init__(self, *args: Any, logstore: Logstore, report_refusal: str = "", **kwargs: Any) -> None:
        """Offer the report only where it is off, disabled where ``report_refusal`` says why."""
        super().__init__(*args, **kwargs)
        self.initial["ttl"] = logstore.ttl
        self.logstore = logstore
        self.report_refusal = report_refusal
        self.days = logstore.ttl
        self.goes: tuple[int, int] | None = None
        self.fields["ttl"].required = "analysis_report" not in self.data
        self.fields["ttl"].error_messages |= REQUIRED
        if logstore.analysis_report:
            del self.fields["analysis_report"]
        else:
            self.fields["analysis_report"].disabled = bool(report_refusal)
            self.fields["ttl"].help_text = _("Without the report: 1 to 3650; 3650 keeps records for good.")

    @property
    def is_confirmed(self) -> bool:
        """Whether the tick was given to the very retention that is entered."""
        return bool(self.cleaned_data.get("confirmed") == str(self.days))

    def clean(self) -> dict[str, Any]:
        """Check the retention; find what a shorter one deletes, and refuse it until that is confirmed."""
        values: dict[str, Any] = super().clean() or {}
        if not self.errors and not values.get("analysis_report"):
            days = values["ttl"]
            add_violations(
                self, [rules.Violation("Required", "ttl")] if days is None else rules.retention(days)
            )
        if self.errors:
            return values
        self.days = rules.REPORT_RETENTION if values.get("analysis_report") else values["ttl"]
        if self.days < self.logstore.ttl:
            self.goes = held_beyond(self.logstore, self.days)
            if not self.is_confirmed:
                self.add_error("confirmed", _("Tick this to go on."))
        return values

    def save(self, by: User) -> None:
        """Switch the report on, which sets the retention, or set the retention. Raises RuleError, ActionDenied."""
        if self.cleaned_data.get("analysis_report"):
            services.enable_analysis_report(self.logstore, by)
        else:
            services.set_retention(self.logstore, by, self.days)


class DeletionForm(FlowLogDeleteForm):
    """The name of a Logstore or project, typed to confirm that it is to be deleted."""

    def clean_confirmation(self) -> str:
        """Refuse anything but the name."""
        typed: str = self.cleaned_data["confirmation"].strip()
        if typed != self.name:
            raise forms.ValidationError(_("That is not the name."))
        return typed
