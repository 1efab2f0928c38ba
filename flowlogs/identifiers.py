"""Identifiers that look like the product's: a prefix, a region code and random lower-case base 36."""

from __future__ import annotations

import secrets

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
LENGTH = 21


def new_id(prefix: str, region_id: str = "") -> str:
    """Return a new identifier such as ``fl-bp1f6qqhsrc2c12ta7x0k``: the prefix and 21 characters.

    The first three characters stand for the region, as in the product's own identifiers.
    """
    code = region_code(region_id) if region_id else ""
    random_part = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH - len(code)))
    return f"{prefix}-{code}{random_part}"


def region_code(region_id: str) -> str:
    """Return three characters that stand for a region, always the same for the same region."""
    number = sum(ord(letter) * 37**place for place, letter in enumerate(region_id))
    digits = ""
    for _ in range(3):
        number, digit = divmod(number, len(ALPHABET))
        digits += ALPHABET[digit]
    return digits
