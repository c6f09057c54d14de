"""What is sent to OTLP receivers and to Datadog's agent, read by OpenTelemetry's own messages."""

from __future__ import annotations

import email
import email.policy
import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given

from interop.sample_counts import sample_counts
from pprof_strategies import profiles
from whet.formats.pprof import decode, encode
from whet.live.continuous.backends import Datadog, Otlp
from whet.live.continuous.batch import Batch
from whet.model.profile import Profile

pytest.importorskip("whet._probe", reason="whet was installed without its collectors")
service = pytest.importorskip(
    "opentelemetry.proto.collector.profiles.v1development.profiles_service_pb2",
    reason="opentelemetry-proto is not installed",
)

IDENTITY = "0123456789abcdef0123456789abcdef"


def batch(**of_kinds: Profile) -> Batch:
    return Batch(
        start_ns=1_700_000_000_000_000_001,
        end_ns=1_700_000_015_000_000_000,
        labels={"service_name": "shop", "hostname": "h", "zone": "ø,1"},
        profiles={kind: encode(profile) for kind, profile in of_kinds.items()},
        identity=IDENTITY,
    )


def theirs(profile: object, dictionary: object) -> Counter[tuple[object, ...]]:
    """Return the same of a received profile."""
    d, text = dictionary, dictionary.string_table
    mappings = [text[one.filename_strindex] for one in d.mapping_table]

    def place(index: int) -> tuple[object, ...]:
        one = d.location_table[index]
        lines = []
        for line in one.lines:
            function = d.function_table[line.function_index]
            name, file = text[function.name_strindex], text[function.filename_strindex]
            lines.append((name, file, function.start_line, line.line, line.column))
        return (mappings[one.mapping_index] if one.mapping_index else None, one.address, *lines)

    def label(index: int) -> tuple[object, ...]:
        one = d.attribute_table[index]
        is_text = one.value.HasField("string_value")
        value = one.value.string_value if is_text else one.value.int_value
        return text[one.key_strindex], value, text[one.unit_strindex]

    return Counter(
        (
            tuple(place(index) for index in d.stack_table[sample.stack_index].location_indices),
            tuple(label(index) for index in sample.attribute_indices),
            *sample.values,
        )
        for sample in profile.samples
    )


@given(profiles(sample_types=2), profiles(sample_types=1))
def test_otlp_says_what_the_profiles_say(one: Profile, other: Profile) -> None:
    request = service.ExportProfilesServiceRequest.FromString(Otlp().body(batch(cpu=one, heap=other)))
    (resource,) = request.resource_profiles
    (scope,) = resource.scope_profiles
    expected = [(one, 0), (one, 1), (other, 0)]
    assert len(scope.profiles) == len(expected)
    for got, (profile, number) in zip(scope.profiles, expected, strict=True):
        # A mapping of zeros only is the row that means none.
        assert no_empty_mapping(theirs(got, request.dictionary)) == no_empty_mapping(
            sample_counts(profile, number)
        )
        assert got.time_unix_nano == profile.time_nanos % 2**64
        assert got.duration_nano == profile.duration_nanos % 2**64
        assert got.period == profile.period


def no_empty_mapping(found: Counter[tuple[object, ...]]) -> Counter[tuple[object, ...]]:
    merged: Counter[tuple[object, ...]] = Counter()
    for (stack, *rest), count in found.items():
        merged[tuple((place[0] or None, *place[1:]) for place in stack), *rest] += count
    return merged


@given(profiles())
def test_dictionary_of_otlp_begins_with_zeros_and_has_nothing_twice(profile: Profile) -> None:
    request = service.ExportProfilesServiceRequest.FromString(Otlp().body(batch(cpu=profile, heap=profile)))
    for field, table in request.dictionary.ListFields():
        rows = [row if isinstance(row, str) else row.SerializeToString() for row in table]
        assert not rows[0], field.name
        assert len(set(rows)) == len(rows), field.name
    ids = [one.profile_id for one in request.resource_profiles[0].scope_profiles[0].profiles]
    assert len(set(ids)) == len(ids)
    assert {len(one) for one in ids} <= {16}


def test_otlp_names_service_host_and_scope() -> None:
    request = service.ExportProfilesServiceRequest.FromString(Otlp().body(batch(cpu=small("cpu"))))
    (resource,) = request.resource_profiles
    named = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert named == {"service.name": "shop", "host.name": "h", "zone": "ø,1"}
    assert resource.scope_profiles[0].scope.name == "whet"


def small(*types: str) -> Profile:
    """Return a profile with one sample, whose values are 1, 2 ..., and its period is the last type's."""
    from whet.model.profile import Functions, Locations, Samples, StringTable

    return Profile(
        strings=StringTable.from_texts(["", "f", "count", *types]),
        sample_type=[(3 + number, 2) for number in range(len(types))],
        functions=Functions(*(np.array([value], dtype) for value, dtype in FUNCTION)),
        locations=Locations(
            id=np.array([1], np.uint64), mapping=np.array([-1], np.int32), address=np.zeros(1, np.uint64),
            is_folded=np.zeros(1, np.bool_), line_start=np.array([0, 1]), line_function=np.zeros(1, np.int32),
            line=np.ones(1, np.int64), column=np.zeros(1, np.int64),
        ),
        samples=Samples(
            stack_start=np.array([0, 1]), stack=np.zeros(1, np.int32),
            values=np.arange(1, len(types) + 1).reshape(1, len(types)), label_start=np.zeros(2, np.int64),
        ),
        period_type=(2 + len(types), 2),
    )  # fmt: skip


FUNCTION = ((1, np.uint64), (1, np.int32), (0, np.int32), (0, np.int32), (1, np.int64))


def parts(body: bytes, kind: str) -> dict[str, bytes]:
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    found = {}
    for part in message.iter_parts():
        found[part.get_filename()] = part.get_payload(decode=True)
    return found


def test_datadog_gets_one_profile_under_the_names_it_knows() -> None:
    cpu, heap = small("samples", "cpu"), small("alloc_objects", "alloc_space", "inuse_objects", "inuse_space")
    backend = Datadog()
    got = parts(
        backend.body(batch(cpu=cpu, block=small("contentions", "delay"), heap=heap)),
        backend.headers["Content-Type"],
    )
    event = json.loads(got["event.json"])
    tags = dict(tag.split(":", 1) for tag in event.pop("tags_profiler").split(","))
    assert (tags["service"], tags["host"], tags["zone"], tags["runtime"]) == ("shop", "h", "ø_1", "python")
    assert event == {
        "attachments": ["profile.pprof"],
        "start": "2023-11-14T22:13:20.000000001Z",
        "end": "2023-11-14T22:13:35.000000000Z",
        "family": "python",
        "version": "4",
    }
    profile = decode(got["profile.pprof"])
    names = [profile.strings.text(kind) for kind, _ in profile.sample_type]
    assert names == [
        "cpu-samples", "cpu-time", "alloc-samples", "alloc-space", "heap-live-samples", "heap-space",
    ]  # fmt: skip
    assert profile.samples.values.tolist() == [[1, 2, 1, 2, 3, 4]]
    assert profile.period_type is not None
    assert profile.strings.text(profile.period_type[0]) == "cpu"


def test_datadog_gets_nothing_of_a_window_with_waits_only() -> None:
    assert Datadog().body(batch(block=small("contentions", "delay"))) == b""
