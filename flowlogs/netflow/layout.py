"""A template compiled to what decodes its records in bulk: one NumPy structured dtype and a plan of columns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, Final

import numpy as np

from . import elements as ie
from .options import tells_anything
from .plan import Plan, flow_plans
from .templates import V9_SCOPE, VARIABLE, FieldSpecifier, Template

INTEGER_FORMATS: Final = {1: "u1", 2: ">u2", 4: ">u4", 8: ">u8"}
_READ: Final = frozenset(
    value for name, value in vars(ie).items() if name.isupper() and isinstance(value, int)
)
_IPV6: Final = frozenset((ie.SOURCE_IPV6, ie.DESTINATION_IPV6))
_SECONDS: Final = (ie.START_SECONDS, ie.END_SECONDS, ie.OBSERVED_SECONDS)
_LONG_TIMES: Final = (
    ie.START_MILLISECONDS, ie.END_MILLISECONDS, ie.START_MICROSECONDS, ie.END_MICROSECONDS,
    ie.START_NANOSECONDS, ie.END_NANOSECONDS, ie.SYSTEM_INIT,
    ie.OBSERVED_MILLISECONDS, ie.OBSERVED_MICROSECONDS, ie.OBSERVED_NANOSECONDS,
)  # fmt: skip
_ONLY_LENGTH: Final = dict.fromkeys(_SECONDS, 4) | dict.fromkeys(_LONG_TIMES, 8)
"""Times have one encoding only (RFC 7011 sections 6.1.7 to 6.1.10); one of any other length is not read."""


class Kind(Enum):
    """What the records of a template are."""

    FLOW = "flow"
    OPTIONS = "options"
    SECTION = "packet section"
    OTHER = "other"


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """How to find and read the records of a template.

    ``size`` is the length of a record, 0 when it varies; ``smallest`` the least it can be. ``runs`` are the lengths
    of the runs of fixed fields before, between and after the variable ones. ``dtype`` reads the fixed fields alone,
    runs joined; its names are element numbers, with ``r`` before those of a biflow's reverse direction and ``s``
    before v9 scope types. An IPv6 address is two halves, ``h`` and ``l``. ``tells``: options worth reading.
    """

    kind: Kind
    size: int
    smallest: int
    runs: tuple[int, ...]
    dtype: np.dtype[Any]
    plans: tuple[Plan, ...] = ()
    tells: bool = False


@lru_cache(maxsize=1024)
def layout_of(template: Template) -> Layout:
    """Compile a template."""
    specifiers = template.fields()
    dtype, runs = _dtype(specifiers)
    variable = len(runs) - 1
    names = frozenset(dtype.names or ())
    plans = () if template.is_options else flow_plans(names)
    return Layout(
        kind=_kind(template, specifiers, plans),
        size=0 if variable else dtype.itemsize,
        smallest=dtype.itemsize + variable,
        runs=runs,
        dtype=dtype,
        plans=plans,
        tells=template.is_options and tells_anything(names),
    )


def _kind(template: Template, specifiers: list[FieldSpecifier], plans: tuple[Plan, ...]) -> Kind:
    if template.is_options:
        return Kind.OPTIONS
    if plans:
        return Kind.FLOW
    has_section = any(field.enterprise == 0 and field.element in ie.PACKET_SECTIONS for field in specifiers)
    return Kind.SECTION if has_section else Kind.OTHER


def _dtype(specifiers: list[FieldSpecifier]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Return the dtype of the fixed fields and the lengths of their runs.

    Of an element that a record holds twice, the first counts.
    """
    found: dict[str, tuple[Any, int]] = {}
    runs, offset, run_start = [], 0, 0
    for specifier in specifiers:
        if specifier.length == VARIABLE:
            runs.append(offset - run_start)
            run_start = offset
            continue
        for name, format_, start in _columns(specifier, offset):
            found.setdefault(name, (format_, start))
        offset += specifier.length
    runs.append(offset - run_start)
    dtype = np.dtype({
        "names": list(found),
        "formats": [format_ for format_, _ in found.values()],
        "offsets": [start for _, start in found.values()],
        "itemsize": offset,
    })  # fmt: skip
    return dtype, tuple(runs)


def _columns(specifier: FieldSpecifier, offset: int) -> list[tuple[str, Any, int]]:
    """Return name, format and offset of what is read of one field."""
    element, length, enterprise = specifier
    name = _name(specifier)
    if not name or not length or (enterprise != V9_SCOPE and element not in _READ):
        return []
    if element in _IPV6 and enterprise == 0:
        return [(name + "h", ">u8", offset), (name + "l", ">u8", offset + 8)]
    if length != _ONLY_LENGTH.get(element, length):
        return []
    if element == ie.SAMPLING_PROBABILITY:
        return [(name, f">f{length}", offset)] if length in (4, 8) else []
    if length in INTEGER_FORMATS:
        return [(name, INTEGER_FORMATS[length], offset)]
    # reduced-size encoding (RFC 7011 section 6.2) leaves 3, 5, 6 and 7 bytes
    return [(name, ("u1", (length,)), offset)] if length < 8 else []


def _name(specifier: FieldSpecifier) -> str:
    prefixes = {0: "", ie.REVERSE_ENTERPRISE: "r", V9_SCOPE: "s"}
    prefix = prefixes.get(specifier.enterprise)
    return "" if prefix is None else f"{prefix}{specifier.element}"
