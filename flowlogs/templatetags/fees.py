"""How pages write what fees count: GB and US dollars."""

from __future__ import annotations

from decimal import Decimal

from django import template
from django.utils.translation import gettext

from flowlogs import fees

register = template.Library()

SMALLEST = Decimal("0.001")
NOTHING = "-"


@register.filter
def gb(size: int | None) -> str:
    """Return bytes in the unit of prices, to three decimal places; what is less but not nothing says so.

    A GB is 2**30 bytes, the same as with ``bytesize``; a page uses one of both for the same number.
    """
    if size is None:
        return NOTHING
    found = fees.gigabytes(size)
    if 0 < found < SMALLEST:
        return gettext("< %(size)s GB") % {"size": SMALLEST}
    return gettext("%(size)s GB") % {"size": f"{found:,.3f}".removesuffix(".000")}


@register.filter
def usd(fee: Decimal | None) -> str:
    """Return a fee rounded to the cent; less than a cent that is not nothing says so."""
    if fee is None:
        return NOTHING
    if 0 < fee < fees.CENT:
        return f"< ${fees.CENT}"
    return f"${fees.cents(fee):,.2f}"


@register.filter
def price(amount: Decimal) -> str:
    """Return the price of a GB with as many decimal places as it has, and at least two."""
    text = f"{amount.normalize():,f}"
    whole, _point, rest = text.partition(".")
    return f"${whole}.{rest.ljust(2, '0')}"
