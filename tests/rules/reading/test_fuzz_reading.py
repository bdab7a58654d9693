"""Whatever a job left in its files, their readers read it or raise SourceError, in little time, and never look elsewhere."""

import contextlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from rules.errors import SourceError
from rules.reading import tensor_file
from rules.reading.saved_tensors import SavedTensors
from rules.reading.source import File
from rules.reading.system_metrics import SystemMetrics
from rules.reading.timeline import Timeline
from tests.support.fuzzing import MIB, bounded, fuzzed, json_values, mutated, peak
from tests.support.saved_tensors import write_step


@dataclass
class Memory:
    """A source that holds its files itself; `asked`: the names of what was read."""

    held: dict[str, bytes]
    asked: list[str] = field(default_factory=list)

    def files(self, folder: str, after: str = "") -> Iterator[File]:
        yield from (
            File(name, len(body), 1.0) for name, body in sorted(self.held.items()) if name.startswith(folder) and name > after
        )

    def read(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        assert isinstance(name, str) and type(start) is int and (length is None or type(length) is int)
        assert start >= 0 and (length is None or length >= 0)
        self.asked.append(name)
        if name not in self.held:
            raise FileNotFoundError(name)
        return self.held[name][start : None if length is None else start + length]

    def has(self, name: str) -> bool:
        return name in self.held


@cache
def recorded() -> list[bytes]:
    """Records that smdebug's own writer wrote."""
    values = [
        np.float32(1.5),
        np.arange(6, dtype="i8").reshape(2, 3),
        np.array(["a", "é"]),
        np.zeros((0, 3), "f2"),
        np.ones(3, bool),
    ]
    found = []
    for value in values:
        with tempfile.TemporaryDirectory() as folder:
            write_step(Path(folder), 0, {"a": value})
            found.append(next((Path(folder) / "events").rglob("*.tfevents")).read_bytes())
    return found


def framed(event: bytes) -> bytes:
    return len(event).to_bytes(8, "little") + bytes(4) + event + bytes(4)


def field_of(number: int, content: bytes) -> bytes:
    """A nested protobuf message."""
    length, head = len(content), bytearray()
    while length > 127:
        head.append(length & 127 | 128)
        length >>= 7
    return bytes([number << 3 | 2]) + bytes(head) + bytes([length]) + content


def tensor(message: bytes) -> bytes:
    """A record of a TensorProto."""
    return framed(field_of(5, field_of(1, field_of(8, message))))


LONG_NUMBER = tensor(b"\x08" + b"\x80" * 200_000 + b"\x01")
"""A number of 200,000 bytes: protobuf's have ten at most."""
HUGE_SHAPE = tensor(b"\x08\x01" + field_of(2, field_of(2, b"\x08" + b"\xff" * 9 + b"\x01")))
"""A dimension of 2^64 - 1."""


def decoded(data: bytes) -> None:
    with contextlib.suppress(SourceError):
        found = tensor_file.decode(data)
        assert found.dtype == object or found.nbytes <= len(data)


@fuzzed(66)
@given(
    st.one_of(st.deferred(lambda: mutated(recorded())), st.binary(max_size=40).map(framed), st.binary(max_size=30).map(tensor))
)
@example(LONG_NUMBER)
@example(HUGE_SHAPE)
def test_any_record_is_a_tensor_or_refused(data: bytes) -> None:
    bounded(lambda: decoded(data))


@fuzzed(8)
@given(st.deferred(lambda: mutated(recorded())))
@example(HUGE_SHAPE)
def test_no_record_costs_more_than_its_bytes(data: bytes) -> None:
    assert peak(lambda: decoded(data)) < MIB + 20 * len(data)


NUMBERS = st.one_of(st.integers(), st.floats(), st.sampled_from([10**400, 1e400, True, None, "1", [1], {}]))
PAYLOAD = st.fixed_dictionaries(
    {"tensorname": st.one_of(st.text(max_size=5), json_values(2)), "start_idx": NUMBERS, "length": NUMBERS}
)
META = st.fixed_dictionaries(
    {
        "mode": st.one_of(st.just("TRAIN"), json_values(2)),
        "mode_step": NUMBERS,
        "event_file_name": st.one_of(
            st.sampled_from(["events/a", "../../secret", "/etc/hostname", "events/../../x"]), json_values(2)
        ),
    }
)
INDEX = st.one_of(st.fixed_dictionaries({"meta": META, "tensor_payload": st.lists(PAYLOAD, max_size=3)}), json_values())
ABOUT = st.fixed_dictionaries(
    {
        "include_regex": st.one_of(st.lists(st.sampled_from(["loss", "(", ".*", "[", "a{1,}"]), max_size=2), json_values(3)),
        "tensor_names": st.one_of(st.lists(st.text(max_size=4), max_size=2), json_values(3)),
    }
)
COLLECTIONS = st.one_of(
    st.fixed_dictionaries(
        {
            "_meta": st.fixed_dictionaries({"num_workers": NUMBERS}),
            "collections": st.dictionaries(st.text(max_size=4), ABOUT, max_size=2),
        }
    ),
    json_values(),
)


def index_of(**changes: object) -> dict[str, object]:
    """An index file of one scalar, with members of `meta` and of the tensor changed."""
    meta = {"mode": "TRAIN", "mode_step": 0, "event_file_name": "events/a"}
    payload = {"tensorname": "loss", "start_idx": 0, "length": 1}
    return {
        "meta": meta | {name: value for name, value in changes.items() if name in meta},
        "tensor_payload": [payload | {name: value for name, value in changes.items() if name in payload}],
    }


@fuzzed(50)
@given(INDEX, COLLECTIONS)
@example(index_of(mode_step=1e400), {})
@example(index_of(start_idx="0"), {})
@example(index_of(start_idx=-1), {})
@example(index_of(length=10**400), {})
@example(index_of(event_file_name="../../secret"), {})
@example(index_of(event_file_name="/etc/hostname"), {})
@example(index_of(mode=["TRAIN"]), {})
@example(index_of(), {"_meta": {"num_workers": float("inf")}, "collections": {}})
@example(index_of(), {"_meta": {"num_workers": 1}, "collections": {"a": {"tensor_names": [[1]]}}})
@example(index_of(), {"_meta": {"num_workers": 1}, "collections": {"a": {"include_regex": [1]}}})
def test_any_index_gives_steps_or_is_refused(index: object, collections: object) -> None:
    source = Memory(
        {
            "collections/000000000/worker_0_collections.json": json.dumps(collections).encode(),
            "index/000000000/000000000000_worker_0.json": json.dumps(index).encode(),
            "events/a": recorded()[0],
            "training_job_end.ts": b"",
        }
    )

    def read() -> None:
        with contextlib.suppress(SourceError):
            saved = SavedTensors(source)
            for step in saved.poll():
                assert isinstance(step.mode, str)
                for one in saved.select(step, ["a", "losses"], "l"):
                    with contextlib.suppress(SourceError):
                        one.value()
                        one.statistic("mean")

    bounded(read)
    assert all(not name.startswith("/") and ".." not in name.split("/") for name in source.asked), source.asked


EVENT = st.fixed_dictionaries(
    {
        "ph": st.sampled_from(["M", "X", "B"]),
        "pid": st.one_of(st.integers(0, 2), json_values(2)),
        "name": st.one_of(st.sampled_from(["process_name", "Step:ModeKeys.TRAIN"]), json_values(2)),
    },
    optional={
        "ts": NUMBERS,
        "dur": NUMBERS,
        "args": st.one_of(
            st.fixed_dictionaries(
                {},
                optional={
                    "name": json_values(2),
                    "step_num": NUMBERS,
                    "pid": NUMBERS,
                    "start_time_since_epoch_in_micros": NUMBERS,
                },
            ),
            json_values(3),
        ),
    },
)


def step_event(**changes: object) -> list[dict[str, object]]:
    return [{"ph": "X", "pid": 0, "name": "Step:ModeKeys.TRAIN", "ts": 1, "dur": 1, "args": {"step_num": 1}} | changes]


@fuzzed(50)
@given(st.one_of(st.lists(st.one_of(EVENT, json_values(3)), max_size=4), json_values()))
@example(step_event(ts=10**400))
@example(step_event(ts=float("nan")))
@example(step_event(args={"step_num": 1e400}))
@example(step_event(name=["Step"]))
@example([{"ph": "M", "pid": 0, "name": "process_name", "args": {"name": 5}}, *step_event()])
@example([{"ph": "M", "pid": 0, "name": "process_name", "args": {"name": ["x"]}}, *step_event()])
def test_any_timeline_gives_steps_or_is_refused(rows: object) -> None:
    source = Memory({"framework/pevents/2026112800/1_2-algo-1_x_timeline.json": json.dumps(rows).encode()})

    def read() -> None:
        with contextlib.suppress(SourceError):
            timeline = Timeline(source)
            timeline.poll()
            timeline.first_step()
            timeline.events_of(["Step:ModeKeys.TRAIN"])
            for step in timeline.steps():
                assert np.isfinite([step.start, step.seconds]).all() and isinstance(step.number, int)

    bounded(read)


ROW = st.fixed_dictionaries(
    {"Timestamp": NUMBERS, "Value": NUMBERS, "Dimension": st.one_of(st.just("CPUUtilization"), json_values(2))},
    optional={"Name": json_values(2), "NodeId": json_values(2), "Type": json_values(2)},
)


@fuzzed(50)
@given(st.lists(st.one_of(ROW, json_values(3)), max_size=5))
@example([{"Timestamp": 10**400, "Value": 1, "Dimension": "CPUUtilization"}])
@example([{"Timestamp": float("nan"), "Value": 1, "Dimension": "CPUUtilization"}])
@example([{"Timestamp": 1, "Value": float("inf"), "Dimension": "CPUUtilization"}])
def test_any_system_metrics_are_series_or_refused(rows: list[object]) -> None:
    body = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    source = Memory({"system/incremental/2026112800/1790000000.algo-1.json": body})

    def read() -> None:
        with contextlib.suppress(SourceError):
            metrics = SystemMetrics(source)
            metrics.poll()
            for dimension in metrics.dimensions():
                for node in metrics.nodes():
                    found = metrics.node_samples(dimension, node)
                    assert found is None or np.isfinite(found.times).all()

    bounded(read)
