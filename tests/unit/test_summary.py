"""The summary names the biggest boxes, in order, with honest doubts."""

import numpy as np

from whet.driver.summary import summarize, summary_record
from whet.model.profile import Functions, Locations, Profile, Samples, StringTable
from whet.render.summary import render_summary

TEXTS = ["", "samples", "count", "cpu", "nanoseconds", "main", "hot", "cold", "/home/me/app.py"]


def profile_of(hot, cold):
    """Return main calling hot and cold, at 100 Hz."""
    two = np.arange(3)
    functions = Functions(
        id=(two + 1).astype(np.uint64),
        name=np.array([5, 6, 7], np.int32),
        system_name=np.zeros(3, np.int32),
        filename=np.full(3, 8, np.int32),
        start_line=np.array([1, 10, 20], np.int64),
    )
    locations = Locations(
        id=(two + 1).astype(np.uint64),
        mapping=np.full(3, -1, np.int32),
        address=np.zeros(3, np.uint64),
        is_folded=np.zeros(3, bool),
        line_start=np.arange(4),
        line_function=two.astype(np.int32),
        line=np.array([2, 11, 21]),
        column=np.zeros(3, np.int64),
    )
    samples = Samples(
        stack_start=np.array([0, 2, 4]),
        stack=np.array([1, 0, 2, 0], np.int32),
        values=np.array([[hot, hot * 10**7], [cold, cold * 10**7]]),
        label_start=np.zeros(3, np.int64),
    )
    return Profile(
        strings=StringTable.from_texts(TEXTS),
        sample_type=[(1, 2), (3, 4)],
        period_type=(3, 4),
        period=10**7,
        samples=samples,
        locations=locations,
        functions=functions,
    )


def test_biggest_box_comes_first_with_interval_and_bound():
    summary = summarize(profile_of(750, 250))
    assert [box.name for box in summary.boxes] == ["hot", "cold"]
    hot = summary.boxes[0]
    assert hot.flat == 750 * 10**7
    assert hot.flat_share_low < 0.75 < hot.flat_share_high
    assert hot.amdahl_bound == 4.0
    assert (hot.file, hot.line) == ("/home/me/app.py", 10)
    assert not summary.few


def test_few_samples_are_admitted():
    text = render_summary(summarize(profile_of(30, 7)), colour=False)
    assert "only 37 samples" in text


def test_plain_text_has_no_escapes_and_shortens_files():
    text = render_summary(summarize(profile_of(750, 250)), colour=False, root="/home/me")
    assert "\x1b" not in text
    assert text.splitlines()[0] == "1 000 samples at 100 Hz, 10s of cpu"
    assert text.splitlines()[2].split() == ["75.0%", "72.2..77.6%", "75.0%", "4.00x", "hot", "app.py:10"]


def test_colours_show_the_same_numbers():
    text = render_summary(summarize(profile_of(750, 250)), colour=True, width=100)
    assert "\x1b" in text
    assert "72.2..77.6%" in text
    assert "4.00x" in text


def test_empty_profile_says_so():
    assert "nothing to show" in render_summary(summarize(profile_of(0, 0)), colour=False)


def test_record_can_be_written_as_json():
    import json

    record = summary_record(summarize(profile_of(3, 1)))
    assert json.loads(json.dumps(record))["boxes"][0]["name"] == "hot"
