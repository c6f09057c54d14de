"""`whet prof --html`: one offline page of a profile, with the sources that can be found."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence

from whet.analyze.profile.choice import Choices
from whet.analyze.profile.config import Config, Defaults
from whet.analyze.profile.report import prepare
from whet.analyze.profile.values import choose_sample_index
from whet.collect.recording import is_recording
from whet.driver.over_time import over_time
from whet.driver.sources import SourceReader, load_recording
from whet.driver.webstate import WebState, parse_address
from whet.errors import UsageError
from whet.model.profile import Profile
from whet.render.html import FirstState, render_html

__all__ = ["make_html", "profile_title", "saved_page"]


def make_html(
    profile: Profile, sources: Sequence[str], config: Config, *, view: str = ""
) -> tuple[bytes, list[str]]:
    """Render the page; return its UTF-8 text, and warnings.

    `view` is what the page shows first: a view's name, or an address of the web UI.

    Raises:
        UsageError: there is no such view, or an option does not fit the profile.
    """
    state = parse_address(view, config)
    profile = Choices(profile).chosen(state.labels, state.time)
    reader = SourceReader(config.source_path)
    others: dict[str, Profile] = {}
    picture = ""
    if len(sources) == 1 and is_recording(sources[0]) and not view:
        others = load_recording(sources[0], first=1)
        picture = over_time(sources[0])
    return saved_page(profile, profile_title(sources), state, reader, others, picture)


def profile_title(sources: Sequence[str]) -> str:
    """Return what a page about these sources is called."""
    return ", ".join(posixpath.basename(s.rstrip("/")) for s in sources)


def saved_page(
    profile: Profile,
    title: str,
    state: WebState,
    reader: SourceReader,
    others: Mapping[str, Profile] | None = None,
    picture: str = "",
) -> tuple[bytes, list[str]]:
    """Render a view as a page of its own: the samples and frames that it is about, all of them.

    `others` are further profiles of the recording, whole, by what a person calls them; `picture`
    is its memory over time.
    """
    index = choose_sample_index(profile, state.config.sample_index)
    config = state.config.changed(relative_percentages=False, mean=False)
    if config.granularity not in ("functions", "filefunctions"):
        raise UsageError(
            f"one-file pages show functions, not {config.granularity}", hint="leave granularity out"
        )
    report = prepare(profile, config, Defaults(trim=False))
    first = FirstState(
        view=state.view if state.view not in ("peek", "tags") else "overview",
        sample_type=index,
        inverted=state.inverted,
        sort=state.sort,
        search=state.search,
        frame=_function_name(report.source, state.frame),
        sandwich=_function_name(report.source, state.sandwich),
    )
    page = render_html(
        report.divided_profile(),
        title=title,
        read_source=reader.text,
        first=first,
        with_bytecode=True,
        name="CPU" if others else "profile",
        others=others,
        over_time=picture,
    )
    return page.encode("utf-8", "replace"), report.warnings


def _function_name(profile: Profile, place: tuple[int, int] | None) -> tuple[int, int] | None:
    """Return the string indices of name and file of the function at a line of a location."""
    locations, functions = profile.locations, profile.functions
    if place is None or place[0] >= len(locations):
        return None
    low, high = locations.line_start[place[0] : place[0] + 2].tolist()
    if low + place[1] >= high:
        return None
    row = int(locations.line_function[low + place[1]])
    return int(functions.name[row]), int(functions.filename[row])
