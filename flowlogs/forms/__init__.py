"""Forms of the pages: strings into the values that the services take.

What may be entered is up to ``flowlogs.rules``: the services ask it, and ``add_violations`` puts what they say
beside the fields, which bear the names of the parameters.
"""

from .create import FlowLogForm
from .edit import FlowLogDeleteForm, FlowLogEditForm, FlowLogTagsForm
from .listed import FlowLogFilter
from .shared import INTERVALS, MINUTES, REFRESHES, REQUIRED, TRAFFIC_PATHS, add_violations, said

__all__ = [
    "INTERVALS",
    "MINUTES",
    "REFRESHES",
    "REQUIRED",
    "TRAFFIC_PATHS",
    "FlowLogDeleteForm",
    "FlowLogEditForm",
    "FlowLogFilter",
    "FlowLogForm",
    "FlowLogTagsForm",
    "add_violations",
    "said",
]
