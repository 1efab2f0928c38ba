"""Words of libraries that show on our pages and that the libraries do not have in Chinese; our catalogue has them."""

from console.texts import noop as _

AXES = (
    _("Login protection"),
    _("Access attempts"),
    _("Access failures"),
    _("Access logs"),
    _("access attempt"),
    _("access attempts"),
    _("access failure"),
    _("access failures"),
    _("access log"),
    _("access logs"),
    _("Access lock out"),
    _("Account locked: too many login attempts. Please try again later."),
    _("Attempt Time"),
    _("Failed Logins"),
    _("Form Data"),
    _("GET Data"),
    _("HTTP Accept"),
    _("IP Address"),
    _("Logout Time"),
    _("Meta Data"),
    _("POST Data"),
    _("Path"),
    _("Session key hash (sha256)"),
    _("User Agent"),
    _("Username"),
)
DJANGO = (
    _("%(model)s instance with %(field)s %(value)r is not a valid choice."),
    _("Model name"),
    _("Add link"),
    _("Change or view list link"),
    _("After you’ve created a user, you’ll be able to edit more user options."),
)
PLOTLY = (
    _("Download plot as a PNG"),
    _("Preparing image - this may take a few seconds"),
    _("Image download succeeded"),
    _("Sorry, there was a problem downloading your image!"),
    _("Reset axes"),
)
"""What Plotly says in the charts that we draw; ``analytics.templatetags.charts`` hands it to the page."""
