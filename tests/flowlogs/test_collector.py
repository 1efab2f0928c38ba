"""The collector: what was received is stored or counted, through full disks, kills and clocks that jump."""

import errno
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flowlogs import spool
from flowlogs.collector import __main__ as command
from flowlogs.collector import status, udp, writer
from flowlogs.collector.keeper import Keeper
from flowlogs.collector.receiver import Receiver

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 10.0


@dataclass
class Running:
    """A collector without threads: each step is made by the test."""

    folder: Path
    receiver: Receiver
    keeper: Keeper
    sender: socket.socket

    def send(self, *payloads: bytes) -> None:
        for payload in payloads:
            self.sender.send(payload)

    def receive(self) -> None:
        while self.receiver.step(0):
            pass

    def told(self) -> status.Status:
        told = status.load(self.folder, "main")
        assert told is not None
        return told

    def stored(self) -> list[spool.Datagram]:
        return [row for path in spool.list_sealed(self.folder, "main") for row in spool.read(path).datagrams]

    def finish(self) -> status.Status:
        self.receive()
        self.receiver.writer.close(time.time_ns())
        self.keeper.finish()
        return self.told()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    sockets = []

    def begin(limit: int = 1 << 30, **clocks: Callable[[], int]) -> Running:
        chosen = command.parse([f"--spool={tmp_path}", "--id=main", "--port=0", f"--limit={limit}"])
        source = udp.open_socket("127.0.0.1", 0)
        receiver, keeper = command.set_up(chosen, source)
        if clocks:
            receiver = Receiver(source, receiver.writer, **clocks)
            keeper = Keeper(receiver, keeper.beginning)
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender.connect(source.getsockname())
        sockets.extend([source, sender])
        return Running(tmp_path, receiver, keeper, sender)

    yield begin
    for opened in sockets:
        opened.close()


def payloads(count: int, size: int = 100) -> list[bytes]:
    return [number.to_bytes(4, "big") * (size // 4) for number in range(count)]


def test_every_datagram_is_stored_with_its_time_and_source(start):
    running = start()
    before = time.time_ns()
    running.send(b"first", b"", b"x" * 60_000)
    told = running.finish()
    source = (spool.packed_address("127.0.0.1"), running.sender.getsockname()[1])
    assert [row[1:3] for row in running.stored()] == [source] * 3
    assert [row[3] for row in running.stored()] == [b"first", b"", b"x" * 60_000]
    assert all(before <= row[0] <= time.time_ns() for row in running.stored())
    assert (told.datagrams, told.bytes, told.losses, told.stopped) == (3, 60_005, (), True)


def test_what_is_told_as_sealed_can_be_read(start, monkeypatch):
    running = start()
    running.send(b"one")
    running.receive()
    running.keeper.step()
    monkeypatch.setattr(writer, "SEGMENT_SECONDS", 0)
    received_ns = spool.read(spool.list_open(running.folder, "main")[0]).datagrams[0][0]
    assert running.told().sealed_through_ns <= received_ns
    assert running.stored() == []
    running.receiver.step(0)
    running.keeper.step()
    assert running.told().sealed_through_ns > received_ns
    assert [row[3] for row in running.stored()] == [b"one"]


def test_an_idle_collector_goes_on_telling_how_far_it_is(start):
    running = start()
    running.receiver.step(0)
    first = running.keeper.sealed_through_ns
    running.keeper.step()
    running.receiver.step(0)
    running.keeper.step()
    assert first < running.keeper.sealed_through_ns <= time.time_ns()
    assert spool.used_bytes(running.folder) == 0


def test_a_full_segment_is_handed_over_before_its_time(start, monkeypatch):
    monkeypatch.setattr(writer, "SEGMENT_BYTES", 5_000)
    running = start()
    for payload in payloads(10, 2_000):
        running.send(payload)
        running.receiver.step(100)
    running.keeper.step()
    sealed = spool.list_sealed(running.folder)
    assert [len(spool.read(path).datagrams) for path in sealed] == [3, 3, 3]
    numbers = [spool.segment_number(path)[1] for path in sealed]
    assert numbers == list(range(numbers[0], numbers[0] + 3))


def test_the_spool_limit_counts_and_drops_and_ends_when_there_is_room(start, monkeypatch, capsys):
    monkeypatch.setattr(writer, "SEGMENT_SECONDS", 0)
    running = start(limit=1_000)
    for payload in payloads(10, 200):
        running.send(payload)
        running.receiver.step(100)
    running.keeper.step()
    told = running.told()
    assert (told.datagrams, told.spool_full_drops) == (10, 6)
    assert sum(loss.count for loss in told.losses) == 6
    assert {loss.reason for loss in told.losses} == {status.SPOOL}
    assert "limit" in told.trouble
    assert capsys.readouterr().err.count("limit") == 1
    for path in spool.list_sealed(running.folder):
        spool.discard(path)
    monkeypatch.setattr("flowlogs.collector.keeper.EVERY", 0)
    running.keeper.step()
    running.send(b"again")
    told = running.finish()
    assert told.trouble == ""
    assert [row[3] for row in running.stored()] == [b"again"]


def test_kernel_drops_are_counted_exactly(start):
    running = start()
    running.receiver.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    sent = payloads(500, 1_000)
    running.send(*sent)
    told = running.finish()
    assert told.kernel_drops > 0
    assert len(running.stored()) + told.kernel_drops == len(sent)
    assert [(loss.count, loss.reason) for loss in told.losses] == [(told.kernel_drops, status.KERNEL)]


FAULTS = {
    "no space": errno.ENOSPC,
    "input/output error": errno.EIO,
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "for three calls"])
@pytest.mark.parametrize("name", ["write", "open", "fsync"])
def test_a_refusing_disk_costs_only_what_is_counted(start, monkeypatch, capsys, name, lasting, fault):
    """The refusal comes at the first call, then the second, and so on until the run is clean."""
    monkeypatch.setattr(writer, "SEGMENT_SECONDS", 0)
    real = getattr(os, name)
    dealt_with = 0
    for refused in itertools.count():
        calls = itertools.count()
        hit = []

        def faulty(*arguments, calls=calls, hit=hit, refused=refused):
            call = next(calls)
            if refused <= call < refused + (3 if lasting else 1):
                hit.append(call)
                raise OSError(FAULTS[fault], os.strerror(FAULTS[fault]))
            return real(*arguments)

        running = start()
        monkeypatch.setattr(os, name, faulty)
        sent = [b"%d of round %d" % (number, refused) for number in range(4)]
        for payload in sent:
            running.send(payload)
            running.receiver.step(100)
            running.keeper.step()
        monkeypatch.setattr(os, name, real)
        sent.append(b"after round %d" % refused)
        running.send(sent[-1])
        told = running.finish()
        stored = [row[3] for row in running.stored()]
        lost = told.write_error_drops
        assert len(stored) == len(set(stored))
        assert set(stored) <= set(sent)
        assert len(stored) + lost == len(sent)
        fresh = [loss for loss in told.losses if loss.number > dealt_with and loss.reason == status.SPOOL]
        assert sum(loss.count for loss in fresh) == lost
        dealt_with = max((loss.number for loss in told.losses), default=0)
        assert spool.list_open(running.folder, "main") == []
        assert told.trouble == ""
        said = capsys.readouterr().err.splitlines()
        assert len(said) == len({line.split(":")[1].split("/")[0] for line in said})
        for path in spool.list_sealed(running.folder):
            spool.discard(path)
        if not hit:
            assert lost == 0
            break
    assert refused > 2


def test_a_clock_that_is_set_back_is_told_and_takes_nothing_back(start):
    now = [2_000_000_000_000_000_000]
    running = start(clock=lambda: now[0], monotonic=lambda: 0)
    running.receiver.step(0)
    running.keeper.step()
    now[0] -= 3_600_000_000_000
    running.receiver.step(0)
    running.keeper.finish()
    told = running.told()
    assert told.sealed_through_ns == 2_000_000_000_000_000_000
    assert told.clock_steps == (status.ClockStep(now[0], -3600.0),)


def test_a_restart_goes_on_with_numbers_and_losses_and_tells_when_nobody_received(start):
    first = start(limit=0)
    first.send(b"too much")
    earlier = first.finish()
    second = start()
    second.send(b"stored")
    later = second.finish()
    assert later.losses[0] == earlier.losses[0]
    down = later.losses[1]
    assert (down.reason, down.count) == (status.DOWN, 0)
    assert down.number > earlier.losses[0].number
    assert earlier.sealed_through_ns <= down.at_ns <= down.until_ns < later.sealed_through_ns
    assert later.next_segment > earlier.next_segment


def test_a_spoiled_status_does_not_stop_a_start(start):
    first = start()
    first.send(b"kept")
    earlier = first.finish()
    status.status_path(first.folder, "main").write_text('{"id": "main", ')
    assert status.load_all(first.folder) == []
    assert start().finish().next_segment >= earlier.next_segment


def test_a_segment_of_zeros_is_left_aside(start, tmp_path, capsys):
    (tmp_path / "main-000000000007.open").write_bytes(b"\0" * 9_000)
    running = start()
    running.send(b"still working")
    running.finish()
    assert [row[3] for row in running.stored()] == [b"still working"]
    assert (tmp_path / "main-000000000007.damaged").stat().st_size == 9_000
    assert "power cut" in capsys.readouterr().err


def test_ipv6_and_ipv4_arrive_on_the_same_socket(tmp_path):
    try:
        source = udp.open_socket("::", 0)
    except OSError:
        pytest.skip("no IPv6 here")
    port = source.getsockname()[1]
    receiver, keeper = command.set_up(command.parse([f"--spool={tmp_path}", "--id=main"]), source)
    for family, host in [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]:
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            sender.sendto(host.encode(), (host, port))
    while receiver.step(0):
        pass
    source.close()
    receiver.writer.close(time.time_ns())
    keeper.finish()
    stored = spool.read(spool.list_sealed(tmp_path)[0]).datagrams
    assert [row[1] for row in stored] == [spool.packed_address("127.0.0.1"), spool.packed_address("::1")]


# The process itself


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    processes = []

    def begin(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "flowlogs.collector", f"--spool={tmp_path}", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate(timeout=PATIENCE)


def port_of(process: subprocess.Popen[str]) -> int:
    return int(process.stdout.readline().split()[-1])


def send(port: int, sent: list[bytes]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", port))
        for payload in sent:
            sender.send(payload)


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def stored_payloads(folder: Path) -> list[bytes]:
    return [row[3] for path in spool.list_sealed(folder) for row in spool.read(path).datagrams]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_seals_what_was_sent_and_is_quick(launch, tmp_path, number):
    process = launch("--id=main", "--port=0")
    sent = payloads(300, 1_000)
    send(port_of(process), sent)
    asked = time.monotonic()
    process.send_signal(number)
    assert process.wait(PATIENCE) == 0
    assert time.monotonic() - asked < 1.0
    assert stored_payloads(tmp_path) == sent
    told = status.load(tmp_path, "main")
    assert told is not None
    assert (told.datagrams, told.stopped) == (300, True)
    assert told.sealed_through_ns > spool.read(spool.list_sealed(tmp_path)[-1]).datagrams[-1][0]


def test_a_kill_loses_nothing_that_was_received(launch, tmp_path):
    process = launch("--id=main", "--port=0")
    sent = payloads(300, 1_000)
    expected = spool.HEADER.size + sum(spool.FRAME.size + len(payload) for payload in sent)
    send(port_of(process), sent)
    eventually(lambda: spool.used_bytes(tmp_path) >= expected)
    process.kill()
    process.wait(PATIENCE)
    again = launch("--id=main", "--port=0")
    port_of(again)
    assert spool.list_open(tmp_path, "main") == []
    assert stored_payloads(tmp_path) == sent
    told = status.load(tmp_path, "main")
    assert told is not None
    assert [loss.reason for loss in told.losses] == [status.DOWN]


def test_a_busy_port_is_one_clear_line(launch):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        _out, said = (process := launch("--id=main", f"--port={port}")).communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert said == f"collector: cannot receive on 127.0.0.1, UDP port {port}: Address already in use\n"


def test_a_second_collector_of_the_same_name_is_refused(launch, tmp_path):
    port_of(launch("--id=main", "--port=0"))
    second = launch("--id=main", "--port=0")
    _out, said = second.communicate(timeout=PATIENCE)
    assert second.returncode == 1
    assert said == f"collector: a collector with the id main is already writing to {tmp_path}\n"


def test_a_spool_that_cannot_be_written_is_one_clear_line(launch, tmp_path):
    (tmp_path / "file").write_text("")
    process = launch("--id=main", "--port=0", f"--spool={tmp_path / 'file' / 'spool'}")
    _out, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert said.startswith("collector: cannot write to the spool ")
    assert said.count("\n") == 1


def test_it_ends_when_its_parent_has_ended(tmp_path):
    parent = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-m', 'flowlogs.collector', "
        f"'--spool={tmp_path}', '--id=main', '--port=0'], stdout=subprocess.PIPE); child.stdout.readline()"
    )
    # The child keeps stderr open: the end of it is the end of the child.
    process = subprocess.run(
        [sys.executable, "-c", parent], cwd=ROOT, stderr=subprocess.PIPE, timeout=PATIENCE
    )
    assert process.stderr == b""
    told = status.load(tmp_path, "main")
    assert told is not None
    assert told.stopped


def test_it_imports_nothing_but_the_standard_library():
    listed = subprocess.run(
        [sys.executable, "-c", "import flowlogs.collector.__main__, sys; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    tops = {name.partition(".")[0] for name in listed.stdout.split()}
    assert not tops & {"django", "numpy", "duckdb", "console", "analytics"}
