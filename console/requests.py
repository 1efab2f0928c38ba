"""The request as our views see it."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from console.models import Account, Region, User


class ConsoleRequest(HttpRequest):
    """A request of a logged-in user of an account, on a page below a region.

    `console.middleware` and `console.access.requires` make it so; only the type is declared here.
    """

    user: User
    account: Account
    region: Region
    htmx: HtmxDetails
    request_id: str
