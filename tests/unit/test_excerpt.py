"""Which lines of a file show a function."""

from whet.analyze.profile.excerpt import MAX_BLOCK, excerpt

TEXT = """import os

@decorated
def first(a,
          b):
    if a:
        return b

    return a

def second():
    pass
""".splitlines(keepends=True)


def test_a_function_is_shown_whole() -> None:
    assert excerpt(TEXT, 3, [7]) == [(3, [line.rstrip("\n") for line in TEXT[2:9]])]


def test_unknown_start_shows_the_surroundings() -> None:
    ((first, lines),) = excerpt(TEXT, 0, [12])
    assert first == 6
    assert lines[-1] == "    pass"


def test_lines_beyond_the_file_are_ignored() -> None:
    assert excerpt(TEXT, 3, [700]) == []
    assert excerpt([], 1, [1]) == []


def test_long_functions_show_their_head_and_what_was_hit() -> None:
    lines = ["def long():\n", *["    step()\n"] * (5 * MAX_BLOCK)]
    parts = excerpt(lines, 1, [500, 505, 900])
    assert [first for first, _ in parts] == [1, 494, 894]
    assert [len(part) for _, part in parts] == [3, 18, 13]


def test_broken_source_still_shows_the_hit() -> None:
    parts = excerpt(["def broken(:\n", "  '''\n", "   x\n"], 1, [2])
    assert parts[0][0] == 1
    assert "  '''" in parts[0][1]
