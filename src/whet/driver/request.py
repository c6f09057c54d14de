"""What profiles a command asks for: sources, bases, and how to fetch and change them.

The table `REQUEST_OPTIONS` holds pprof's source options under pprof's names. Sources that
cannot be fetched are reported and left out while others can, as pprof does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from whet.analyze.profile.config import Config
from whet.driver.sources import (
    is_object_file,
    is_readable_once,
    load_profile,
    load_profiles,
    merge_profile,
)
from whet.errors import UsageError, WhetError
from whet.records import Record, fresh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from whet.model.profile import Profile, StringTable

# Gets what is being done, how many are done, and of how many.
Progress = Callable[[str, int, int], None]

__all__ = ["REQUEST_OPTIONS", "Loaded", "Progress", "Request", "load_request", "set_request_option"]

_SYMBOLIZE = ("none", "no", "local", "fastlocal", "force")
_DEMANGLE = ("demangle=full", "demangle=none", "demangle=templates", "demangle=default")


class Request(Record):
    """The profiles of a command line.

    Attributes:
        sources: files, recordings and addresses; the first may be the program they are of.
        base, diff_base: what is subtracted; at most one of them is given.
        seconds: how long a server is to record, -1 for its own default.
        timeout: how many seconds to wait for a server, -1 for a default.
    """

    sources: list[str] = fresh(default_factory=list)
    base: list[str] = fresh(default_factory=list)
    diff_base: list[str] = fresh(default_factory=list)
    seconds: int = -1
    timeout: int = -1
    buildid: str = ""
    add_comment: str = ""
    symbolize: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    tls_ca: str = ""
    all_frames: bool = False


class Loaded(Record):
    """A profile ready for reports, and what to tell the user."""

    profile: Profile
    warnings: list[str]


# name: what it does. The kind of its value is that of the field of `Request`.
REQUEST_OPTIONS: dict[str, str] = {
    "base": "subtract this profile; may be given several times",
    "diff_base": "subtract this profile, shares are shares of it; may be given several times",
    "seconds": "how long a server is to record",
    "timeout": "how many seconds to wait for a server",
    "buildid": "build id of the main binary where the profile has none",
    "add_comment": "add a comment to the profile",
    "symbolize": "none, local or force: whether places without names get them from the program",
    "tls_cert": "client certificate for https",
    "tls_key": "key of the client certificate",
    "tls_ca": "certificate authorities to trust",
    "all_frames": "keep the frames that the profile itself calls uninteresting",
}

assert set(REQUEST_OPTIONS) == set(Request.fields()) - {"sources"}


def set_request_option(request: Request, name: str, text: str) -> None:
    """Set an option from text; lists grow.

    Raises:
        UsageError: the text is not a value of it.
    """
    current = getattr(request, name)
    if isinstance(current, list):
        current += [text] if text else []
    elif isinstance(current, bool):
        setattr(request, name, text.lower() in ("", "true", "t", "1", "yes", "y"))
    elif isinstance(current, int):
        try:
            setattr(request, name, int(text))
        except ValueError:
            raise UsageError(f"invalid value {text!r} for {name}: not a number of seconds") from None
    else:
        setattr(request, name, text)
    _check_symbolize(request.symbolize)


def _check_symbolize(text: str) -> None:
    for word in filter(None, text.lower().split(":")):
        if word == "remote":
            raise UsageError(
                "-symbolize=remote is not supported: no server is asked for names",
                hint="use -symbolize=local",
            )
        if word not in (*_SYMBOLIZE, *_DEMANGLE):
            raise UsageError(
                f"invalid value {word!r} for symbolize", hint=f"one of {', '.join((*_SYMBOLIZE, *_DEMANGLE))}"
            )


def load_request(request: Request, config: Config, progress: Progress | None = None) -> Loaded:
    """Fetch, merge, subtract and prepare the profiles of a request.

    `progress` is told after each file that was merged.

    Raises:
        SourceError, FormatError: nothing can be fetched.
        UsageError: options contradict each other, or profiles do not fit together.
    """
    from whet.analyze.profile.load import as_loaded

    if request.base and request.diff_base:
        raise UsageError("-base and -diff_base cannot both be given", hint="use one of them")
    base = request.base or request.diff_base
    if config.normalize and not base:
        raise UsageError("normalize needs a base", hint="add -base FILE or -diff_base FILE")
    warnings: list[str] = []
    sources, program = _without_program(request.sources)
    profile = _Group("source", sources, program, request, config, progress).load(warnings)
    if base:
        from whet.analyze.profile.load import with_mapping
        from whet.analyze.profile.subtract import subtract

        profile = subtract(
            with_mapping(profile),
            with_mapping(_Group("base", base, program, request, config, progress).load(warnings)),
            labelled=bool(request.diff_base),
            normalize=config.normalize,
            as_pprof=config.as_pprof,
        )
    profile, unknown = _with_names(profile, request, config)
    loaded, found = as_loaded(profile, all_frames=request.all_frames, as_pprof=config.as_pprof)
    if request.add_comment:
        loaded = _with_comment(loaded, request.add_comment)
    return Loaded(loaded, warnings + unknown + found)


def _with_names(profile: Profile, request: Request, config: Config) -> tuple[Profile, list[str]]:
    """Look up what is known by address only; most profiles have nothing of the kind."""
    from whet.analyze.profile.symbols import unnamed

    if request.symbolize.lower() in ("", "none", "no", "local") and not unnamed(profile).any():
        return profile, []
    from whet.driver.symbolize import symbolized

    return symbolized(profile, request.symbolize, config)


def _without_program(sources: Sequence[str]) -> tuple[list[str], str]:
    """Take a leading program off the sources: pprof's `BINARY PROFILE...`."""
    if len(sources) > 1 and is_object_file(sources[0]):
        return list(sources[1:]), sources[0]
    return list(sources), ""


class _Group(Record):
    """The sources of one side."""

    noun: str
    sources: list[str]
    program: str
    request: Request
    config: Config
    progress: Progress | None = None

    def load(self, warnings: list[str]) -> Profile:
        """Fetch and merge; warn of sources that are missing."""
        if self._is_plain():
            return load_profiles(self.sources)
        merged = self._merge_files(warnings)
        if merged is not None:
            return merged
        profiles = self._fetch_all(warnings)
        if len(profiles) == 1:
            return profiles[0]
        from whet.model.common_types import with_common_types
        from whet.model.merge import merge

        as_pprof = self.config.as_pprof
        return merge(with_common_types(profiles, as_pprof=as_pprof), as_pprof=as_pprof)

    def _is_plain(self) -> bool:
        """Whether there is one file and nothing to change about it."""
        changed = self.program or self.request.buildid
        return len(self.sources) == 1 and not changed and not _is_address(self.sources[0])

    def _fetch_all(self, warnings: list[str]) -> list[Profile]:
        profiles, failures = [], []
        for source, fetched in zip(self.sources, _each(self._fetch, self.sources), strict=True):
            if isinstance(fetched, WhetError):
                failures.append((source, fetched))
            else:
                profiles.append(fetched[0])
                warnings += fetched[1]
        if not profiles:
            raise failures[0][1]
        self._report(failures, warnings)
        return profiles

    def _report(self, failures: list[tuple[str, WhetError]], warnings: list[str]) -> None:
        if failures:
            warnings += [_failure(source, error) for source, error in failures]
            total = len(self.sources)
            warnings.append(f"Fetched {total - len(failures)} {self.noun} profiles out of {total}")

    def _merge_files(self, warnings: list[str]) -> Profile | None:
        """Merge files one after the other, never holding more than one beside the result.

        Returns None where that is not possible: fewer than two profiles, servers and pipes, types
        that must be made equal first, something to change about each profile.
        """
        from whet.formats.pprof import merger

        merging = merger()
        changed = self.program or self.request.buildid or self.config.as_pprof
        if merging is None or changed or len(self.sources) < 2:
            return None
        if any(_is_address(source) or is_readable_once(source) for source in self.sources):
            return None
        failures: list[tuple[str, WhetError]] = []
        for number, source in enumerate(self.sources):
            if self.progress:
                self.progress(f"merging {self.noun} profiles", number, len(self.sources))
            try:
                if not merge_profile(merging, source):
                    return None
            except WhetError as error:
                failures.append((source, error))
        if len(self.sources) - len(failures) < 2:
            return None
        self._report(failures, warnings)
        return merging.finish()

    def _fetch(self, source: str) -> tuple[Profile, list[str]] | WhetError:
        from whet.analyze.profile.load import with_mapping

        try:
            if _is_address(source):
                from whet.driver.fetch import fetch

                profile, notes = fetch(source, self.request)
            else:
                profile, notes = load_profile(source), []
        except WhetError as error:
            return error
        profile = with_mapping(profile)
        return self._with_program(profile), notes + self._doubts(profile)

    def _doubts(self, profile: Profile) -> list[str]:
        """Say whether the program is another one than the profile's."""
        if not self.program:
            return []
        from whet.driver.binaries import program_note

        note = program_note(self.program, profile.strings.text(int(profile.mappings.build_id[0])))
        return [note] if note else []

    def _with_program(self, profile: Profile) -> Profile:
        from dataclasses import replace

        buildid, mappings = self.request.buildid, profile.mappings
        strings, filename, build_id = profile.strings, mappings.filename.copy(), mappings.build_id.copy()
        if self.program:
            strings, filename[0] = _with_text(strings, self.program)
        if buildid and not build_id[0]:
            strings, build_id[0] = _with_text(strings, buildid)
        return replace(
            profile, strings=strings, mappings=replace(mappings, filename=filename, build_id=build_id)
        )


def _is_address(source: str) -> bool:
    # Only what may be an address is worth importing URL parsing for.
    if ":" not in source:
        return False
    from whet.driver.fetch import is_address

    return is_address(source)


def _each(
    fetch: Callable[[str], tuple[Profile, list[str]] | WhetError], sources: list[str]
) -> list[tuple[Profile, list[str]] | WhetError]:
    """Fetch several sources, servers at the same time: they may all be asked for a minute."""
    if not any(_is_address(source) for source in sources):
        return [fetch(source) for source in sources]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(len(sources), 32)) as pool:
        return list(pool.map(fetch, sources))


def _failure(source: str, error: WhetError) -> str:
    text = str(error)
    return text if text.startswith(f"{source}:") else f"{source}: {text}"


def _with_comment(profile: Profile, comment: str) -> Profile:
    from dataclasses import replace

    strings, index = _with_text(profile.strings, comment)
    return replace(profile, strings=strings, comments=[*profile.comments, index])


def _with_text(table: StringTable, text: str) -> tuple[StringTable, int]:
    import numpy as np

    from whet.model.profile import StringTable

    data = text.encode("utf-8", "surrogateescape")
    blob = np.concatenate([table.blob, np.frombuffer(data, np.uint8)])
    return StringTable(blob, np.append(table.start, table.start[-1] + len(data))), len(table)
