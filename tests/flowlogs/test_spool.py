"""Segment files: every datagram comes back, whatever a crash or a bad disk did to the rest."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlogs import spool

ADDRESS = spool.packed_address("192.0.2.7")
DATAGRAMS = [(1_000_000_000 + i, ADDRESS, 2055, bytes([i]) * (i * 7 % 50)) for i in range(12)]

datagrams = st.lists(
    st.tuples(
        st.integers(-(2**63), 2**63 - 1),
        st.binary(min_size=16, max_size=16),
        st.integers(0, 65535),
        st.binary(max_size=200),
    ),
    max_size=20,
)


def frame_start(index: int) -> int:
    return spool.HEADER.size + sum(len(spool.frame(*datagram)) for datagram in DATAGRAMS[:index])


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    return spool.write_segment(tmp_path, "main", 3, DATAGRAMS)


@given(content=datagrams)
def test_what_is_written_is_read(tmp_path_factory, content):
    path = spool.write_segment(tmp_path_factory.mktemp("spool"), "main", 0, content)
    assert spool.read(path) == spool.Segment(content, 0, 0)


@given(content=datagrams, cut=st.integers(min_value=0))
def test_a_file_cut_anywhere_gives_the_whole_frames_before_the_cut(tmp_path_factory, content, cut):
    path = spool.write_segment(tmp_path_factory.mktemp("spool"), "main", 0, content)
    size = cut % (path.stat().st_size + 1)
    os.truncate(path, size)
    read = spool.read(path)
    assert read.datagrams == content[: len(read.datagrams)]
    assert read.corrupt_frames == 0
    whole = sum(len(spool.frame(*datagram)) for datagram in read.datagrams)
    assert read.torn_bytes == size - whole - (spool.HEADER.size if size >= spool.HEADER.size else 0)


@given(content=datagrams, at=st.integers(min_value=0), flip=st.integers(1, 255))
def test_a_changed_byte_never_gives_a_wrong_datagram(tmp_path_factory, content, at, flip):
    path = spool.write_segment(tmp_path_factory.mktemp("spool"), "main", 0, content)
    data = bytearray(path.read_bytes())
    at = spool.HEADER.size + at % max(1, len(data) - spool.HEADER.size)
    if at >= len(data):
        return
    data[at] ^= flip
    path.write_bytes(data)
    read = spool.read(path)
    assert all(datagram in content for datagram in read.datagrams)
    assert len(read.datagrams) == len(content) - 1
    assert bool(read.torn_bytes) != bool(read.corrupt_frames)


@pytest.mark.parametrize(
    ("offset", "byte"),
    [
        pytest.param(0, 0x00, id="marker"),
        pytest.param(4, 0x55, id="checksum"),
        pytest.param(8, 0xFF, id="length"),
        pytest.param(spool.FRAME.size, 0xAA, id="payload"),
    ],
)
def test_a_damaged_frame_in_the_middle_is_counted_and_skipped(segment, offset, byte):
    data = bytearray(segment.read_bytes())
    data[frame_start(5) + offset] = byte
    segment.write_bytes(data)
    assert spool.read(segment) == spool.Segment(DATAGRAMS[:5] + DATAGRAMS[6:], 0, 1)


def test_a_frame_inside_a_damaged_payload_is_not_taken_for_one(tmp_path):
    forged = spool.frame(7, ADDRESS, 1, b"forged")
    content = [(1, ADDRESS, 2055, b"x" + forged), (2, ADDRESS, 2055, b"after")]
    path = spool.write_segment(tmp_path, "main", 0, content)
    data = bytearray(path.read_bytes())
    data[spool.HEADER.size + spool.FRAME.size] ^= 1
    path.write_bytes(data)
    assert spool.read(path) == spool.Segment(content[1:], 0, 1)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"not a segment at all", id="other file"),
        pytest.param(b"PAR1", id="short other file"),
        pytest.param(b"\0" * 4096, id="zeros"),
        pytest.param(spool.HEADER.pack(spool.MAGIC, 99), id="later version"),
    ],
)
def test_another_file_is_refused(tmp_path, content):
    path = tmp_path / "main-000000000001.segment"
    path.write_bytes(content)
    with pytest.raises(spool.NotASegment):
        spool.read(path)


def test_recovery_seals_what_a_crash_left_and_cuts_its_torn_end(segment):
    left = segment.rename(segment.with_suffix(".open"))
    with left.open("ab") as file:
        file.write(spool.frame(9, ADDRESS, 1, b"unfinished")[:-3])
    sealed = spool.recover(left)
    assert sealed == segment
    assert spool.read(segment) == spool.Segment(DATAGRAMS, 0, 0)
    assert not left.exists()


@pytest.mark.parametrize("content", [b"", b"FLOW", spool.HEADER.pack(spool.MAGIC, spool.VERSION)])
def test_recovery_removes_a_segment_without_datagrams(tmp_path, content):
    path = tmp_path / "main-000000000001.open"
    path.write_bytes(content)
    assert spool.recover(path) is None
    assert list(tmp_path.iterdir()) == []


def test_sealed_segments_are_listed_in_the_order_of_their_numbers(tmp_path):
    for collector, number in [("b", 2), ("a", 10), ("a", 9), ("a-1", 3)]:
        spool.write_segment(tmp_path, collector, number, DATAGRAMS[:1])
    open_one = spool.OpenSegment(tmp_path, "a", 11)
    (tmp_path / "a.status.json").write_text("{}")
    assert [spool.segment_number(path) for path in spool.list_sealed(tmp_path)] == [
        ("a", 9),
        ("a", 10),
        ("a-1", 3),
        ("b", 2),
    ]
    assert [path.name for path in spool.list_sealed(tmp_path, "b")] == ["b-000000000002.segment"]
    assert spool.list_open(tmp_path, "a") == [open_one.path]
    open_one.remove()


def test_a_folder_that_is_not_there_holds_no_segments(tmp_path):
    assert spool.list_sealed(tmp_path / "later") == []


def test_discarding_twice_is_harmless(segment):
    spool.discard(segment)
    spool.discard(segment)
    assert not segment.exists()


def test_used_bytes_counts_segments_only(tmp_path, segment):
    (tmp_path / "main.status.json").write_text("{}")
    assert spool.used_bytes(tmp_path) == segment.stat().st_size


def test_sealing_syncs_the_file_before_the_rename_and_the_folder_after_it(tmp_path, monkeypatch):
    steps = []
    fsync, rename = os.fsync, Path.replace

    def noted_fsync(descriptor: int) -> None:
        steps.append("fsync " + Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    def noted_replace(path: Path, target: Path) -> Path:
        steps.append(f"rename {path.name} {target.name}")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    spool.write_segment(tmp_path, "main", 1, DATAGRAMS)
    name = "main-000000000001"
    assert steps == [f"fsync {name}.open", f"rename {name}.open {name}.segment", f"fsync {tmp_path.name}"]


@pytest.mark.parametrize("written", range(0, 400, 7))
def test_an_append_that_the_disk_cuts_short_keeps_whole_frames(tmp_path, monkeypatch, written):
    frames = b"".join(spool.frame(*datagram) for datagram in DATAGRAMS)
    segment = spool.OpenSegment(tmp_path, "main", 1)
    write, calls = os.write, []

    def full_after_a_while(descriptor: int, data: memoryview) -> int:
        if calls or written == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        calls.append(1)
        return write(descriptor, data[:written])

    monkeypatch.setattr(os, "write", full_after_a_while)
    with pytest.raises(OSError, match="No space left"):
        segment.append(memoryview(frames))
    monkeypatch.undo()
    stored = segment.size - spool.HEADER.size
    read = spool.read(segment.seal())
    assert read.torn_bytes == read.corrupt_frames == 0
    assert read.datagrams == DATAGRAMS[: len(read.datagrams)]
    assert spool.count_frames(memoryview(frames)[stored:]) == len(DATAGRAMS) - len(read.datagrams)


def test_sealing_can_be_repeated_after_the_folder_refused(tmp_path, monkeypatch):
    segment = spool.OpenSegment(tmp_path, "main", 1)
    segment.append(memoryview(spool.frame(*DATAGRAMS[1])))

    def refuse(folder: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(spool, "sync_folder", refuse)
    with pytest.raises(OSError, match="Input/output"):
        segment.seal()
    monkeypatch.undo()
    assert spool.read(segment.seal()).datagrams == [DATAGRAMS[1]]


@pytest.mark.parametrize(
    ("text", "packed"),
    [
        pytest.param("127.0.0.2", "00000000000000000000ffff7f000002", id="IPv4"),
        pytest.param("2001:db8::1", "20010db8000000000000000000000001", id="IPv6"),
        pytest.param("::ffff:127.0.0.2", "00000000000000000000ffff7f000002", id="mapped"),
    ],
)
def test_addresses_have_one_packed_form(text, packed):
    assert spool.packed_address(text).hex() == packed
