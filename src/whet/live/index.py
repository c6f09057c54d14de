"""The page `/debug/pprof/`: what there is, with links."""

__all__ = ["page"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>/debug/pprof/</title>
<style>
body { font-family: system-ui, sans-serif; margin: 2rem; max-width: 60rem; line-height: 1.4; }
td, th { padding: .15rem 1.2rem .15rem 0; text-align: left; vertical-align: top; }
td:first-child { text-align: right; font-variant-numeric: tabular-nums; }
</style>
</head>
<body>
<h1>/debug/pprof/</h1>
<p>Add debug=1 to the query for text. The count of allocs, heap, block and mutex is 1 where they are being
recorded and 0 where they are not; rate=N in the query changes that.</p>
<table>
<thead><tr><th>Count</th><th>Profile</th><th></th></tr></thead>
<tbody>
"""
_TAIL = """</tbody>
</table>
<p><a href="goroutine?debug=2">full stack dump of threads and tasks</a></p>
<p>Besides: <a href="../gc">garbage collections</a>, <a href="../vars">variables</a>,
<a href="../metrics">metrics</a></p>
</body>
</html>
"""


def page(counts: "Mapping[str, int]", descriptions: "Mapping[str, str]") -> str:
    """Return the page of the profiles with the number of their entries."""
    rows = []
    for name in sorted(descriptions):
        # A link to a CPU profile keeps a browser waiting for seconds, as in Go.
        query = "?seconds=5" if name == "profile" else "?debug=1"
        link = f"<a href='{name}{query}'>{name}</a>"
        rows.append(f"<tr><td>{counts.get(name, 0)}</td><td>{link}</td><td>{descriptions[name]}</td></tr>\n")
    return _HEAD + "".join(rows) + _TAIL
