"""All that was measured in one run of pytest: what is saved and compared at its end."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import pytest

from whet._version import __version__
from whet.collect.probe import load_probe
from whet.driver.bench_storage import Storage, commit_info, machine_info, write_json
from whet.driver.full_speed import FullSpeed
from whet.errors import CollectError, WhetError
from whet.pytest_plugin.record import Record

__all__ = ["BenchmarkSession"]


class BenchmarkSession:
    """The benchmarks of one run.

    Attributes:
        benchmarks: what was measured, in order.
        used: how often the fixture was asked for.
        lines: what to say at the end.
        failures: why the run fails, a line each.
    """

    def __init__(self, config: pytest.Config, *, disabled: bool) -> None:
        self.config = config
        self.disabled = disabled
        self.skip, self.only = config.option.benchmark_skip, config.option.benchmark_only
        self.benchmarks: list[Record] = []
        self.used = 0
        self.lines: list[str] = []
        self.failures: list[str] = []

    @cached_property
    def speed(self) -> FullSpeed | None:
        """How fast the machine can be; None where nothing was compiled."""
        try:
            load_probe()
        except CollectError:
            return None
        return FullSpeed()

    @property
    def measured(self) -> list[Record]:
        """What was measured without an error."""
        return [record for record in self.benchmarks if not record.has_error]

    def talk(self, line: str) -> None:
        """Say how something was measured, to who wants to know."""
        if self.config.option.benchmark_verbose:
            self.lines.append(line)

    def finish(self) -> None:
        """Save and compare."""
        option = self.config.option
        if option.benchmark_histogram is not None:
            self.lines.append(
                "--benchmark-histogram draws nothing here; hint: whet stat --format html draws plots"
            )
        if not self.measured:
            if option.benchmark_compare_fail and not self.disabled and not self.skip:
                self.failures.append("--benchmark-compare-fail: nothing was measured")
            return
        try:
            self._save()
            if option.benchmark_compare:
                self._compare()
            self._dump_profiles()
        except WhetError as error:
            self.failures.append(str(error) + (f"; hint: {error.hint}" if error.hint else ""))

    def _save(self) -> None:
        option = self.config.option
        if option.benchmark_json:
            write_json(option.benchmark_json, self._document(include_data=True))
            self.lines.append(f"results written to {option.benchmark_json}")
        if option.benchmark_save or option.benchmark_autosave:
            document = self._document(include_data=option.benchmark_save_data)
            path = self._storage().save(document, option.benchmark_save or "")
            self.lines.append(f"results saved to {path}")

    def _storage(self) -> Storage:
        return Storage(self.config.option.benchmark_storage, str(self.config.rootpath))

    def _document(self, *, include_data: bool) -> dict[str, Any]:
        hook, config = self.config.hook, self.config
        machine = hook.pytest_benchmark_generate_machine_info(config=config) or machine_info()
        hook.pytest_benchmark_update_machine_info(config=config, machine_info=machine)
        commit = hook.pytest_benchmark_generate_commit_info(config=config) or commit_info(
            str(config.rootpath)
        )
        hook.pytest_benchmark_update_commit_info(config=config, commit_info=commit)
        document = hook.pytest_benchmark_generate_json(
            config=config,
            benchmarks=self.measured,
            include_data=include_data,
            machine_info=machine,
            commit_info=commit,
        )
        if document is None:
            document = {
                "machine_info": machine,
                "commit_info": commit,
                "benchmarks": [record.as_dict(include_data=include_data) for record in self.measured],
                "datetime": datetime.now(UTC).isoformat(),
                "version": f"whet {__version__}",
            }
        hook.pytest_benchmark_update_json(config=config, benchmarks=self.measured, output_json=document)
        return dict(document)

    def _compare(self) -> None:
        option = self.config.option
        wanted = "" if option.benchmark_compare is True else option.benchmark_compare
        path, saved = self._storage().load(wanted)
        self.lines.append(f"compared with {path}")
        self.config.hook.pytest_benchmark_compare_machine_info(
            config=self.config, benchmarksession=self, machine_info=machine_info(), compared_benchmark=saved
        )
        before = {entry["fullname"]: entry["stats"] for entry in saved["benchmarks"]}
        compared = 0
        for record in self.measured:
            old = before.get(record.fixture.fullname)
            if old is None:
                continue
            compared += 1
            self.lines.append(_changes(record, old))
            self.failures += [
                failure for limit in option.benchmark_compare_fail if (failure := _worse(record, old, *limit))
            ]
        if not compared:
            text = f"{path} has none of these benchmarks"
            (self.failures if option.benchmark_compare_fail else self.lines).append(text)

    def _dump_profiles(self) -> None:
        prefix = self.config.option.benchmark_cprofile_dump
        for record in self.measured:
            if prefix is not None and record.cprofile_stats is not None:
                path = f"{prefix or 'benchmark'}-{record.fixture.name.replace('/', '_')}.prof"
                record.cprofile_stats.dump_stats(path)
                self.lines.append(f"profile written to {path}")


def _changes(record: Record, old: dict[str, Any]) -> str:
    parts = [
        f"{name} {(record[name] / old[name] - 1):+.1%}" for name in ("min", "median", "mean") if old.get(name)
    ]
    return f"{record.fixture.fullname}: {', '.join(parts)}"


def _worse(record: Record, old: dict[str, Any], name: str, limit: float, is_share: bool) -> str:
    """Return by how much it is worse than allowed, '' if it is not."""
    before, now = old[name], record[name]
    change = now - before if name != "ops" else before - now
    allowed = limit * before if is_share else limit
    if change <= allowed:
        return ""
    shown = f"{change / before:.1%}" if before else f"{change:g}"
    wanted = f"{limit:.1%}" if is_share else f"{limit:g}"
    return f"{record.fixture.fullname}: {name} is worse by {shown}, and {wanted} is allowed"
