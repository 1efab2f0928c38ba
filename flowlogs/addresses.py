"""Addresses as columns: exact look-up, CIDR blocks and longest prefixes without a Python loop over rows.

An address is its family (4 or 6) and two 64-bit halves; an IPv4 address is in the low one.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, ip_address, ip_network

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Families = NDArray[np.uint8]
Halves = NDArray[np.uint64]
Numbers = NDArray[np.int32]
Codes = NDArray[np.uint8]

Columns = tuple[Families, Halves, Halves]
"""Family, high and low half of each of some addresses."""

MASK64 = (1 << 64) - 1
MISSING = -1
DIRECT_SPAN = 1 << 22
_NOTHING = bytes(12)


def parse(texts: Sequence[str]) -> Columns:
    """Return addresses given as text as columns."""
    family = np.array([6 if ":" in text else 4 for text in texts], dtype=np.uint8)
    halves = np.frombuffer(b"".join(map(_packed, texts)), dtype=">u8").reshape(-1, 2).astype(np.uint64)
    return family, halves[:, 0].copy(), halves[:, 1].copy()


def _packed(text: str) -> bytes:
    """Return an address as 16 bytes."""
    # as there may be very many, without an object for each
    four = b"" if ":" in text else bytes(map(int, text.split(".")))
    return _NOTHING + four if len(four) == 4 else int(ip_address(text)).to_bytes(16, "big")


class AddressTable:
    """Address → number, for one set of addresses; IPv4 by direct index where the span allows it."""

    def __init__(self, pairs: Sequence[tuple[str, int]]) -> None:
        """Take pairs of address text and number (0 or more); the last of an address counts."""
        texts = [text for text, _ in pairs]
        self._fill(parse(texts), np.array([number for _, number in pairs], dtype=np.int32))

    @classmethod
    def of(cls, columns: Columns, numbers: Numbers) -> AddressTable:
        """Return the table of addresses that are columns already; the last of an address counts."""
        table = cls.__new__(cls)
        table._fill(columns, numbers)
        return table

    def _fill(self, columns: Columns, numbers: Numbers) -> None:
        family, hi, lo = columns
        four = family == 4
        order = np.argsort(lo[four], kind="stable")
        keys = lo[four][order]
        last = np.append(keys[1:] != keys[:-1], True)[: len(keys)]
        self._keys, self._numbers = keys[last], numbers[four][order][last]
        self._direct: Numbers | None = None
        if len(self._keys) and int(self._keys[-1] - self._keys[0]) < DIRECT_SPAN:
            # one slot more than the span: everything outside it is clipped there
            self._direct = np.full(int(self._keys[-1] - self._keys[0]) + 2, MISSING, dtype=np.int32)
            self._direct[(self._keys - self._keys[0]).astype(np.int64)] = self._numbers
        rows = (column[~four].tolist() for column in (hi, lo, numbers))
        six = {high << 64 | low: number for high, low, number in zip(*rows, strict=True)}
        self._six = _HashedTable(six) if six else None

    def find(self, family: Families, hi: Halves, lo: Halves) -> Numbers:
        """Return the number of each address, ``MISSING`` where there is none."""
        found = self._find_four(lo)
        six = np.flatnonzero(family == 6)
        if len(six):
            found[six] = MISSING if self._six is None else self._six.find(hi[six], lo[six])
        return found

    def contains(self, family: Families, hi: Halves, lo: Halves) -> Bools:
        """Return which addresses are in the table."""
        return self.find(family, hi, lo) != MISSING

    def _find_four(self, lo: Halves) -> Numbers:
        if not len(self._keys):
            return np.full(len(lo), MISSING, dtype=np.int32)
        if self._direct is not None:
            # below the first key the subtraction wraps to a huge number, which is clipped as well
            place = np.minimum(lo - self._keys[0], np.uint64(len(self._direct) - 1))
            return self._direct[place.astype(np.intp)]
        place = np.minimum(np.searchsorted(self._keys, lo), len(self._keys) - 1)
        return np.where(self._keys[place] == lo, self._numbers[place], MISSING).astype(np.int32)


class _HashedTable:
    """128-bit address → number: searched by a 64-bit hash that tells these addresses apart, then compared."""

    def __init__(self, numbers: dict[int, int]) -> None:
        hi = np.array([address >> 64 for address in numbers], dtype=np.uint64)
        lo = np.array([address & MASK64 for address in numbers], dtype=np.uint64)
        self._factor = np.uint64(0x9E3779B97F4A7C15)
        while len(np.unique(self._hash(hi, lo))) < len(numbers):
            self._factor += np.uint64(2)
        order = np.argsort(self._hash(hi, lo))
        self._hi, self._lo = hi[order], lo[order]
        self._hashes = self._hash(self._hi, self._lo)
        self._numbers = np.array(list(numbers.values()), dtype=np.int32)[order]

    def _hash(self, hi: Halves, lo: Halves) -> Halves:
        return hi * self._factor ^ lo

    def find(self, hi: Halves, lo: Halves) -> Numbers:
        place = np.minimum(np.searchsorted(self._hashes, self._hash(hi, lo)), len(self._hashes) - 1)
        same = (self._hi[place] == hi) & (self._lo[place] == lo)
        return np.where(same, self._numbers[place], MISSING).astype(np.int32)


class Block:
    """One CIDR block of either family."""

    def __init__(self, cidr: str) -> None:
        """Take the block as text; bits behind the prefix are ignored."""
        network = ip_network(cidr, strict=False)
        address, mask = int(network.network_address), int(network.netmask)
        self.family = network.version
        self._net = np.uint64(address >> 64), np.uint64(address & MASK64)
        self._mask = np.uint64(mask >> 64), np.uint64(mask & MASK64)

    def contains(self, family: Families, hi: Halves, lo: Halves) -> Bools:
        """Return which addresses lie in the block."""
        inside = family == self.family
        for half, net, mask in zip((hi, lo), self._net, self._mask, strict=True):
            if mask:
                inside &= (half & mask) == net
        return inside


class PrefixTable:
    """Longest prefix → code; of equal prefixes the last one given counts."""

    def __init__(self, prefixes: Sequence[tuple[str, int]], default: int) -> None:
        """Take pairs of CIDR block and code (0 to 255), and the code of what no block holds."""
        ordered = sorted(
            ((ip_network(cidr, strict=False), code) for cidr, code in prefixes),
            key=lambda pair: pair[0].prefixlen,
        )
        runs = [(0, default)]
        for network, code in ordered:
            if isinstance(network, IPv4Network):
                first = int(network.network_address)
                runs = _painted(runs, first, first + network.num_addresses, code)
        self._default = default
        self._bounds = np.array([start for start, _ in runs], dtype=np.uint64)
        self._codes = np.array([code for _, code in runs], dtype=np.uint8)
        self._six = [(Block(str(network)), code) for network, code in ordered if network.version == 6]

    def find(self, family: Families, hi: Halves, lo: Halves) -> Codes:
        """Return the code of each address."""
        if len(self._bounds) == 1:
            codes = np.full(len(lo), self._codes[0], dtype=np.uint8)
        else:
            codes = self._codes[np.searchsorted(self._bounds, lo, side="right") - 1]
        six = np.flatnonzero(family == 6)
        if len(six):
            codes[six] = self._find_six(family[six], hi[six], lo[six])
        return codes

    def _find_six(self, family: Families, hi: Halves, lo: Halves) -> Codes:
        codes = np.full(len(lo), self._default, dtype=np.uint8)
        for block, code in self._six:
            codes[block.contains(family, hi, lo)] = code
        return codes


def _painted(runs: list[tuple[int, int]], start: int, stop: int, code: int) -> list[tuple[int, int]]:
    """Return runs ``(first address, code)`` of the IPv4 space with ``[start, stop)`` given a code."""
    before = [run for run in runs if run[0] < start]
    behind = max(run for run in runs if run[0] <= stop)
    after = [run for run in runs if run[0] > stop]
    return [*before, (start, code), *([(stop, behind[1])] if stop < 1 << 32 else []), *after]
