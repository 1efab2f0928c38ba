"""The form for the prices of Log Service."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from console.models import Account
from flowlogs.services.prices import PRICES

from .shared import REQUIRED, said

_AMOUNT = re.compile(r"[0-9]+\.?[0-9]*|\.[0-9]+")


class PriceField(forms.DecimalField):
    """An amount in ASCII digits with an optional point; Decimal itself would take 1_0, ١ and -0 as well."""

    def to_python(self, value: Any) -> Any:
        """Return the amount."""
        if value not in self.empty_values and not _AMOUNT.fullmatch(str(value).strip()):
            raise forms.ValidationError(said("Price"))
        return super().to_python(value)


class PricesForm(forms.Form):
    """What Log Service charges the account."""

    storage_price = PriceField(
        label=_("Storage"), help_text=_("USD for a GB that is stored for a month"), error_messages=REQUIRED
    )
    index_price = PriceField(
        label=_("Index"), help_text=_("USD for a GB that is indexed"), error_messages=REQUIRED
    )
    transformation_price = PriceField(
        label=_("Transformation"), help_text=_("USD for a GB that is transformed"), error_messages=REQUIRED
    )

    def __init__(self, *args: Any, account: Account, **kwargs: Any) -> None:
        # without needless zeros: 0.002500 is shown as 0.0025
        kwargs["initial"] = {name: f"{getattr(account, name).normalize():f}" for name in PRICES}
        super().__init__(*args, **kwargs)
        for name in PRICES:
            self.fields[name].widget.attrs |= {"min": "0", "step": "0.000001", "inputmode": "decimal"}

    def prices(self) -> dict[str, Decimal]:
        """Return the prices of a valid form, by name."""
        return {name: self.cleaned_data[name] for name in PRICES}
