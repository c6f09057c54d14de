"""`whet prof --html`: one offline page of a profile, with the sources that can be found."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from whet.analyze.profile.config import Config
from whet.analyze.profile.filters import apply_filters
from whet.driver.sources import SourceReader
from whet.model.profile import Profile

__all__ = ["make_html"]


def make_html(profile: Profile, sources: Sequence[str], config: Config) -> tuple[bytes, list[str]]:
    """Render the page; return its UTF-8 text, and warnings."""
    from whet.render.html import render_html

    filtered, warnings = apply_filters(profile, config)
    title = ", ".join(posixpath.basename(s.rstrip("/")) for s in sources)
    page: str = render_html(filtered, title=title, read_source=SourceReader(config.source_path).text)
    return page.encode("utf-8", "replace"), warnings
