"""What Log Service charges an account: its own prices, which fees are reckoned with."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from decimal import Decimal

from django.db import transaction

from console import changes
from console.models import Account, User
from flowlogs import rules
from flowlogs.rules import RuleError
from flowlogs.services.permissions import require

logger = logging.getLogger(__name__)

MODIFY_PRICES = "log:ModifyPrices"
"""Ours: the cloud sets its prices itself. It is asked for the whole account, not for a region."""
PRICES = ("storage_price", "index_price", "transformation_price")


def set_prices(account: Account, by: User | None, prices: Mapping[str, Decimal]) -> None:
    """Set prices of Log Service in USD for a GB, by their names in ``PRICES``. Raises RuleError, ActionDenied."""
    require(by, MODIFY_PRICES, "*", account.pk, "account/prices")
    assert set(prices) <= set(PRICES)
    found = [violation for name, amount in prices.items() for violation in rules.price(amount, name)]
    if found:
        raise RuleError(*found)
    with transaction.atomic():
        locked = Account.objects.select_for_update().get(pk=account.pk)
        changed = {name: amount for name, amount in prices.items() if getattr(locked, name) != amount}
        if changed:
            values = {name: (str(getattr(locked, name)), str(amount)) for name, amount in changed.items()}
            Account.objects.filter(pk=account.pk).update(**changed)
            changes.note(MODIFY_PRICES, "Account", account.pk, by=by, account_id=account.pk, values=values)
    account.refresh_from_db(fields=PRICES)
    logger.info("prices of account %s set by %s", account.pk, by)
