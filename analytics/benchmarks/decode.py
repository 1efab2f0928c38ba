"""Decode and attribute: spool bytes → one fsynced sample file, on one core."""

from __future__ import annotations

import json
import multiprocessing
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from flowlogs import decoding, spool
from flowlogs.export import FLOW, IpfixEncoder, NetflowV9Encoder
from flowlogs.store.engine import SAMPLE_FORMAT, connect, literal
from flowlogs.store.files import durable

from . import recipe
from .measure import Measure, in_turn

FLOWS = 1_500_000
LEAST_FLOWS_A_SECOND = 700_000
LEAST_RATIO = 0.2
WINDOW_SECONDS = 600
PORT = 40_000


def run(folder: Path) -> Iterator[Measure]:
    """Measure IPFIX and NetFlow v9, each in a process of its own that is pinned to one core."""
    context = multiprocessing.get_context("spawn")
    for name in ("IPFIX", "NetFlow v9"):
        with context.Pool(1) as pool:
            flows_a_second, baseline = pool.apply(_measure, (name, str(folder)))
        yield Measure(
            f"decode + attribute, {name}, one core",
            flows_a_second,
            "flows/s",
            target=LEAST_FLOWS_A_SECOND,
            baseline=baseline,
            least_ratio=LEAST_RATIO,
        )


def _measure(name: str, folder: str) -> tuple[float, float]:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    home = Path(folder)
    segments = _segments(name, home)
    inventory = home / "inventory.json.z"
    inventory.write_bytes(zlib.compress(json.dumps(recipe.inventory()).encode()))
    target = home / "samples.parquet"

    def product() -> None:
        made = decoding.run(segments, {}, [(0, str(inventory))], str(target))
        if sum(count.flows for batch in made.batches for count in batch.counts) != FLOWS:
            raise RuntimeError(f"{name}: not every flow was decoded")

    bare = _bare_engine(segments, home / "bare.parquet")
    ours, theirs = in_turn(product, bare)
    return FLOWS / ours, FLOWS / theirs


def _segments(name: str, folder: Path) -> list[str]:
    encoder: Any = (
        IpfixEncoder(domain=1)
        if name == "IPFIX"
        else NetflowV9Encoder(domain=1, boot_time_s=recipe.WINDOW - 3600)
    )
    address = spool.packed_address(recipe.EXPORTER)
    flows = recipe.flows(FLOWS, WINDOW_SECONDS)
    paths = []
    for number, part in enumerate(np.array_split(flows, 8)):
        export = recipe.WINDOW + WINDOW_SECONDS + number
        datagrams = encoder.encode(part, export, max_payload=1400)
        received = (export * 1_000_000_000, address, PORT)
        paths.append(
            spool.write_segment(
                folder, f"bench-{name[:5].strip()}", number, [(*received, d) for d in datagrams]
            )
        )
    return [str(path) for path in paths]


def _bare_engine(segments: list[str], target: Path) -> Callable[[], None]:
    """Return the same bytes read, one ``frombuffer`` of a known layout, and the engine's own Parquet, fsynced.

    No templates, no sequence, no inventory, no verdicts: the least that any decoder has to do.
    """
    width = 48
    layout = np.dtype([(f"c{place}", np.uint32) for place in range(width // 4)])
    columns = len(FLOW.names or ())

    def work() -> None:
        payload = b"".join(d[3] for path in segments for d in spool.read(Path(path)).datagrams)
        rows = np.frombuffer((payload * (FLOWS * width // len(payload) + 1))[: FLOWS * width], dtype=layout)
        table = {f"c{place}": rows[f"c{place % (width // 4)}"].astype(np.uint32) for place in range(columns)}
        with durable(target) as temporary, connect(threads=1) as connection:
            connection.register("bare", table)
            connection.execute(f"COPY bare TO {literal(str(temporary))} ({SAMPLE_FORMAT})")

    return work
