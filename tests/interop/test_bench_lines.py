"""Result lines against those that Go's own testing package prints."""

import random
import subprocess

from go_toolchain import go_command
from whet.render.bench.lines import result_line

PROGRAM = """package main

import (
    "bufio"
    "fmt"
    "os"
    "testing"
)

func main() {
    in := bufio.NewReader(os.Stdin)
    for {
        var n int
        var ns, extra float64
        if _, err := fmt.Fscan(in, &n, &ns, &extra); err != nil {
            return
        }
        r := testing.BenchmarkResult{N: n, Extra: map[string]float64{"ns/op": ns, "x/op": extra}}
        fmt.Println(r.String())
    }
}
"""


def test_numbers_are_printed_as_go_prints_them(tmp_path):
    (tmp_path / "main.go").write_text(PROGRAM)
    order = random.Random(1)
    edges = [999.95, 999.94999, 99.995, 99.9949999, 9.9995, 0.99995, 0.099995, 0.0099995, 0.00099995]
    cases = [(1, edge, edge) for edge in (*edges, 1e-9, 1e12)]
    sizes = [10 ** order.uniform(-6, 10) for _ in range(1000)]
    cases += [(order.randint(1, 10**9), *pair) for pair in zip(sizes[::2], sizes[1::2], strict=True)]
    asked = "".join(f"{n} {ns!r} {extra!r}\n" for n, ns, extra in cases)
    printed = subprocess.run(
        [go_command(), "run", "main.go"],
        cwd=tmp_path,
        input=asked,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    ours = [result_line("B", 1, n, [(ns, "ns/op"), (extra, "x/op")]) for n, ns, extra in cases]
    assert ours == [f"B\t{line}" for line in printed]
