from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from workstreams.log.frames import MAX_FRAME, FrameReader, frame_of, line_frame
from workstreams.log.values import encode

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
lines = st.dictionaries(st.text(max_size=6), json_values, max_size=4)


def sent(frames: list[dict[str, Any]]) -> bytes:
    return b"".join(frame_of(encode(frame)) for frame in frames)


@settings(max_examples=50)
@given(st.lists(lines, max_size=8), st.lists(st.integers(0, 2000), max_size=12))
def test_any_chunking_yields_the_same_frames(written: list[dict[str, Any]], cuts: list[int]) -> None:
    frames = [{"k": "line", "ws": "mail", "j": None, "o": line} for line in written]
    data = sent(frames)
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    reader = FrameReader()
    received = [frame for start, end in pairwise(edges) for frame in reader.feed(data[start:end])]
    assert received == frames
    assert reader.end() == 0


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=6))
def test_garbage_never_raises_and_yields_only_frames(data: bytes, cuts: list[int]) -> None:
    reader = FrameReader()
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for start, end in pairwise(edges):
        assert all(isinstance(frame["k"], str) for frame in reader.feed(data[start:end]))


def test_a_torn_frame_is_dropped_and_what_came_before_is_kept() -> None:
    reader = FrameReader()
    whole = sent([line_frame({"event": "kept"})])
    assert [frame["o"]["event"] for frame in reader.feed(whole + whole[:-1])] == ["kept"]
    assert reader.end() == len(whole) - 1


def test_a_corrupt_length_closes_the_pipe_with_a_notice() -> None:
    reader = FrameReader({"worker": "host:1"})
    whole = sent([line_frame({"event": "kept"})])
    kept, corrupt = reader.feed(whole + (MAX_FRAME + 1).to_bytes(4, "big") + whole)
    assert kept["o"]["event"] == "kept"
    assert (corrupt["o"]["event"], corrupt["o"]["worker"]) == ("pipe_corrupt", "host:1")
    assert reader.closed
    assert reader.feed(whole) == []


def test_an_unreadable_payload_becomes_a_notice_and_the_next_frame_is_read() -> None:
    reader = FrameReader()
    after = sent([line_frame({"event": "after"})])
    bad = [b"not json", b"[1]", b'{"k":"line"}', b'{"k":"line","ws":1,"j":null,"o":{}}', b'{"k":2}', b""]
    for payload in bad:
        notice, frame = reader.feed(frame_of(payload) + after)
        assert notice["o"]["event"] == "frame_unreadable"
        assert frame["o"]["event"] == "after"


def test_a_frame_of_the_greatest_length_is_read() -> None:
    filler = "x" * (MAX_FRAME - len(encode({"k": "status", "x": ""})))
    frame = {"k": "status", "x": filler}
    assert len(encode(frame)) == MAX_FRAME
    assert FrameReader().feed(sent([frame])) == [frame]
