"""What a report says before its rows: where the profile comes from and what is shown of it.

Data only; `render.profile.header` writes it.
"""

from __future__ import annotations

import posixpath

from whet.analyze.profile.config import Config
from whet.records import Record, fresh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from whet.model.profile import Profile

__all__ = ["FILTERS", "Facts", "Header", "build_header", "header_of"]

FILTERS = (
    "focus", "ignore", "hide", "show", "show_from", "tagfocus", "tagignore", "tagshow", "taghide",
)  # fmt: skip


Pair = tuple[str, str]


class Facts(Record):
    """What a profile says about itself, as text: its main file is the first mapping's."""

    sample_types: list[Pair]
    file: str
    build_id: str
    comments: list[str]
    doc_url: str
    time_nanos: int
    duration_nanos: int
    samples: int
    period: int
    period_type: Pair | None


class Header(Record):
    """Facts of a profile and the filters that are active.

    Attributes:
        sample_type, sample_unit: the value column reported.
        total: sum of the absolute values of all samples before filtering, in `sample_unit`.
        time_nanos: ns since the epoch, 0 = unknown.
        comments: those meant for headers.
        samples: samples in the profile, before filtering.
    """

    file: str
    build_id: str
    comments: list[str]
    sample_type: str
    sample_unit: str
    doc_url: str
    time_nanos: int
    duration_nanos: int
    total: int
    samples: int
    period: int
    period_type: tuple[str, str] | None
    filters: list[str] = fresh(default_factory=list)


def build_header(profile: Profile, config: Config, *, index: int, total: int) -> Header:
    """Collect the header of a report about value column `index`."""
    return header_of(_facts(profile), config, index=index, total=total)


def header_of(facts: Facts, config: Config, *, index: int, total: int) -> Header:
    """Choose what a header shows of a profile's facts."""
    sample_type, unit = facts.sample_types[index]
    return Header(
        file=posixpath.basename(facts.file.rstrip("/")) or facts.file[:1],
        build_id=facts.build_id,
        comments=[c for c in facts.comments if not c.startswith("#")],
        sample_type=f"mean_{sample_type}" if config.mean else sample_type,
        sample_unit=unit,
        doc_url=facts.doc_url,
        time_nanos=facts.time_nanos,
        duration_nanos=facts.duration_nanos,
        total=total,
        samples=facts.samples,
        period=facts.period,
        period_type=facts.period_type,
        filters=[f"{n}={getattr(config, n)}" for n in FILTERS if getattr(config, n)],
    )


def _facts(profile: Profile) -> Facts:
    text = profile.strings.text
    has_main = len(profile.mappings) > 0
    return Facts(
        sample_types=profile.sample_type_names(),
        file=text(int(profile.mappings.filename[0])) if has_main else "",
        build_id=text(int(profile.mappings.build_id[0])) if has_main else "",
        comments=profile.comment_texts(),
        doc_url=text(profile.doc_url),
        time_nanos=profile.time_nanos,
        duration_nanos=profile.duration_nanos,
        samples=len(profile.samples),
        period=profile.period,
        period_type=_period_type(profile),
    )


def _period_type(profile: Profile) -> tuple[str, str] | None:
    if profile.period_type is None:
        return None
    kind, unit = profile.period_type
    return profile.strings.text(kind), profile.strings.text(unit)
