"""The tags of a flow log."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from console.htmx import go_to
from console.requests import ConsoleRequest
from flowlogs import services
from flowlogs.forms import FlowLogTagsForm, add_violations
from flowlogs.forms.fields import count_spare_rows, focus_on_first_error
from flowlogs.models import FlowLog
from flowlogs.rules import RuleError
from flowlogs.services.tags import ACTION
from flowlogs.views.access import on_flow_log
from flowlogs.views.flow_log_acts import DETAIL


@require_http_methods(["GET", "HEAD", "POST"])
@on_flow_log(ACTION)
def flow_log_tags(request: ConsoleRequest, flow_log: FlowLog) -> HttpResponse:
    """Change the tags of a flow log; they can be changed whatever state it is in, unless it is being deleted."""
    form = _form(request, flow_log)
    if form.is_bound and form.is_valid():
        try:
            services.set_tags(flow_log, request.user, form.cleaned_data["tags"])
        except RuleError as error:
            add_violations(form, error.violations)
            focus_on_first_error(form)
        else:
            said = _("The tags of flow log %(name)s are changed.") % {"name": flow_log.name}
            messages.success(request, said)
            return go_to(request, DETAIL, region_id=flow_log.region_id, flow_log_id=flow_log.pk)
    return render(request, "flowlogs/flow_log_tags.html", {"flow_log": flow_log, "form": form})


def _form(request: ConsoleRequest, flow_log: FlowLog) -> FlowLogTagsForm:
    """Return the form with the tags that there are, as they were sent, or with one more row."""
    if request.method != "POST":
        return FlowLogTagsForm(initial={"tags": flow_log.tags})
    if "refresh" not in request.POST:
        return FlowLogTagsForm(request.POST)
    widget = FlowLogTagsForm.base_fields["tags"].widget
    entered = widget.value_from_datadict(request.POST, {}, "tags")
    return FlowLogTagsForm(initial={"tags": entered}, spare_tags=count_spare_rows(request.POST) + 1)
