"""`whet bench -- COMMAND`: whole commands, in Go's benchmark format."""

from __future__ import annotations

import subprocess

from whet.cli.bench import Progress
from whet.cli.bench_options import Call
from whet.cli.streams import Streams
from whet.driver.bench import configuration
from whet.driver.bench_command import PASSED_TO_GO, go_command, run_once, turns, variants
from whet.driver.bench_process import Job
from whet.errors import UsageError
from whet.render.bench.json import result_record, results_document
from whet.render.bench.lines import configuration_lines, result_line

__all__ = ["run", "run_go"]


def run(call: Call, streams: Streams, progress: Progress) -> int:
    """Run the command again and again; print a result a run."""
    options = call.command_options
    found = variants(call.command, options)
    header = {k: v for k, v in configuration(Job()).items() if not k.startswith("python")}
    records = []
    if call.format == "text":
        streams.write("".join(f"{line}\n" for line in configuration_lines(header)))
    width = max(len(variant.name) for variant in found)
    total = len(found) * (options.warmup + options.count)
    for number, (variant, counts) in enumerate(turns(found, options), 1):
        progress.say(f"run {number} of {total}: {variant.name}")
        values = run_once(variant, options)
        if counts and call.format == "json":
            records.append(result_record(variant.name, header, 1, values, None))
        elif counts:
            progress.clear()
            streams.write(result_line(variant.name, width, 1, values) + "\n")
            streams.flush()
    progress.clear()
    if call.format == "json":
        streams.write(results_document(records))
    return 0


def run_go(call: Call, streams: Streams, _progress: Progress) -> int:
    """Let `go test` run the benchmarks of Go packages; its status is ours."""
    if call.format == "json":
        raise UsageError(
            "go test has no JSON of results", hint="pipe the output into whet stat -format json -"
        )
    passed_on = {name: call.given.text(name, "") for name in PASSED_TO_GO if name in call.given}
    command = go_command(call.paths, passed_on, memory=call.options.memory)
    streams.flush()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        for line in child.stdout:
            streams.write_bytes(line)
            streams.flush()
    return 1 if child.returncode else 0
