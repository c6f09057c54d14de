from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from web.profiles import Sample, Step, build, program, random_program
from whet.analyze.profile.callindex import CallIndex, ScreenTree, build_call_index
from whet.analyze.profile.calltree import REST
from whet.analyze.profile.choice import Choices
from whet.analyze.profile.chosen import choose
from whet.analyze.profile.config import Config, Defaults
from whet.analyze.profile.filters import apply_filters
from whet.analyze.profile.neighbours import line_sums, node_calls
from whet.analyze.profile.report import prepare
from whet.analyze.profile.rows import call_rows
from whet.model.profile import Profile


def index_of(profile: Profile, config: Config | None = None) -> CallIndex:
    chosen = config or Config(granularity="filefunctions")
    return build_call_index(prepare(profile, chosen, Defaults(trim=False, nodecount=0)))


def totals(tree: ScreenTree) -> list[int]:
    sums = tree.own.tolist()
    parent = tree.tree.parent.tolist()
    for node in range(len(sums) - 1, 0, -1):
        sums[parent[node]] += sums[node]
    return sums


def named(index: CallIndex, name: str) -> int:
    return next(n for n in range(len(index.nodes)) if index.nodes.function_name(n) == name)


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_cut_trees_sum_to_the_whole(seed: int, inverted: bool) -> None:
    index = index_of(random_program(seed, 2000))
    tree = index.tree(inverted=inverted)
    assert totals(tree)[0] == int(index.values.sum())
    assert (tree.tree.frame == REST).any()
    assert int(tree.own.sum()) == int(index.values.sum())


def test_everything_above_the_screens_share_has_its_own_node() -> None:
    index = index_of(random_program(5, 2000))
    tree = index.tree()
    sums = totals(tree)
    single = [s for s, folded in zip(sums, tree.tree.folded.tolist(), strict=True) if folded == 1]
    assert single
    assert max(single) < 0.0005 * index.total_mass


def test_zooming_shows_more_of_the_branch_and_changes_no_sum() -> None:
    index = index_of(random_program(7, 4000))
    whole = index.tree()
    sums = totals(whole)
    branch = max(
        (n for n in range(1, len(sums)) if whole.tree.frame[n] >= 0 and whole.tree.parent[n] > 0),
        key=lambda n: sums[n],
    )
    depth, node = 0, branch
    while node > 0:
        depth, node = depth + 1, int(whole.tree.parent[node])
    path = index.path(int(whole.tree.sample[branch]), depth)
    assert path is not None
    close = index.tree(path=path)
    close_sums = totals(close)
    assert close.tree.frame[close.tree.branch] == whole.tree.frame[branch]
    assert close_sums[close.tree.branch] == sums[branch]
    assert close_sums[0] == sums[0]
    assert len(close.tree) > len(whole.tree)


def test_a_path_that_is_not_there_is_none() -> None:
    index = index_of(program())
    assert index.path(10**6, 1) is None
    assert index.path(0, 99) is None
    assert index.path(0, 0) is None


def test_sandwich_counts_the_outermost_occurrences_once() -> None:
    main, loop, leaf = Step("main"), Step("loop"), Step("leaf")
    profile = build(
        [
            Sample([main, loop, loop, leaf], (5, 50)),
            Sample([main, loop], (2, 20)),
            Sample([main, leaf], (1, 10)),
        ]
    )
    index = index_of(profile)
    callers, callees = index.around(named(index, "loop"))
    assert totals(callers)[0] == totals(callees)[0] == 70
    assert totals(callees)[0] == index.cum[named(index, "loop")]
    names = [index.nodes.function_name(f) for f in callees.tree.frame.tolist() if f >= 0]
    assert names == ["loop", "leaf"]


def test_calls_are_those_of_the_peek_report() -> None:
    profile = random_program(11, 1500)
    config = Config(granularity="filefunctions")
    index = index_of(profile, config)
    for name in ("function_3", "function_22"):
        report = prepare(profile, config, Defaults(trim=False, nodecount=0))
        (row,) = call_rows(report, f"^{name} ")["rows"]
        ((_, calls),) = node_calls(index, [named(index, name)])
        for found, expected in ((calls.callers, row["callers"]), (calls.callees, row["callees"])):
            mine = {(index.nodes.function_name(node), value) for node, value in found}
            assert mine == {(edge["name"], edge["value"]) for edge in expected}


def test_lines_of_a_recursive_function_never_exceed_it() -> None:
    first, second = Step("f", line=2), Step("f", line=3)
    index = index_of(build([Sample([first, second, first], (1, 10)), Sample([first], (1, 10))]))
    sums = line_sums(index, named(index, "f"))
    assert dict(zip(sums.line.tolist(), sums.cum.tolist(), strict=True)) == {2: 20, 3: 10}
    assert dict(zip(sums.line.tolist(), sums.flat.tolist(), strict=True)) == {2: 20, 3: 0}


def test_matching_counts_a_sample_once() -> None:
    index = index_of(program())
    flags = np.zeros(len(index.nodes), np.bool_)
    flags[[named(index, "main"), named(index, "work")]] = True
    assert index.matching(flags) == index.total_mass


@pytest.mark.parametrize(
    "options",
    [
        {"focus": "function_3"}, {"ignore": "module_1"}, {"focus": "module_2", "ignore": "function_7"},
        {"tagfocus": "thread=t1"}, {"tagignore": "t2"}, {"focus": "nothing"}, {"tagfocus": "thread=none"},
        {"focus": "function_1", "tagfocus": "t0", "tagignore": "t1"},
        {"hide": "module_1"}, {"hide": "."}, {"show": "module_2"}, {"show": "nothing"},
        {"hide": "function_1", "show": "module_[12]", "focus": "function_2", "ignore": "function_33"},
        {"show_from": "module_2"}, {"show_from": "nothing"}, {"prune_from": "function_1"},
        {"hide": "function_2", "show_from": "function_2", "prune_from": "function_2"},
        {"hide": "module_3", "show_from": "module_2", "prune_from": "module_1", "tagignore": "t1"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("inlined", [False, True])
def test_choosing_is_filtering(options: dict[str, str], inlined: bool) -> None:
    profile = with_inlines(random_program(13, 800)) if inlined else random_program(13, 800)
    config = Config(granularity="filefunctions", **options)
    chosen = choose(profile, config)
    assert chosen is not None
    filtered, warnings = apply_filters(profile, config)
    assert chosen.warnings == warnings
    assert profile.samples.values[chosen.keep].tolist() == filtered.samples.values.tolist()
    ours, expected = index_of(profile).narrowed(chosen), index_of(profile, config)
    assert sums_by_name(ours) == sums_by_name(expected)
    for inverted in (False, True):
        mine, theirs = ours.tree(inverted=inverted), expected.tree(inverted=inverted)
        assert named_paths(ours, mine) == named_paths(expected, theirs)
    if filtered.samples.values.any():
        name = ours.nodes.function_name(int(np.argmax(ours.cum)))
        mine, theirs = (line_sums(index, named(index, name)) for index in (ours, expected))
        assert mine.line.tolist() == theirs.line.tolist()
        assert mine.flat.tolist() == theirs.flat.tolist()
        assert mine.cum.tolist() == theirs.cum.tolist()


def with_inlines(profile: Profile) -> Profile:
    """Give every location the line of another one as an inlined call, and every seventh no line."""
    table = profile.locations
    size = len(table)
    width = np.where(np.arange(size) % 7 == 3, 0, 2)
    start = np.concatenate([[0], np.cumsum(width)]).astype(np.int64)
    own = np.repeat(np.arange(size), width)
    line = np.where(np.arange(len(own)) % 2, own, (own * 5 + 1) % size)
    locations = replace(
        table,
        line_start=start,
        line_function=table.line_function[line],
        line=table.line[line],
        column=table.column[line],
    )
    return replace(profile, locations=locations)


def sums_by_name(index: CallIndex) -> dict[str, tuple[int, int]]:
    """Return flat and cum of all nodes that have any."""
    sums = zip(index.flat.tolist(), index.cum.tolist(), strict=True)
    return {index.nodes.printable_name(node): pair for node, pair in enumerate(sums) if any(pair)}


def named_paths(index: CallIndex, tree: ScreenTree) -> dict[tuple[str, ...], int]:
    """Return what ends in each node of a tree, by the names from the root to it."""
    path: list[tuple[str, ...]] = [()]
    for node in range(1, len(tree.tree)):
        frame = int(tree.tree.frame[node])
        name = f"rest of {tree.tree.folded[node]}" if frame == REST else index.nodes.printable_name(frame)
        path.append((*path[int(tree.tree.parent[node])], name))
    return dict(zip(path, tree.own.tolist(), strict=True))


def test_other_values_of_some_samples_are_those_of_a_profile_without_the_rest() -> None:
    profile = random_program(17, 900)
    choices = Choices(profile)
    keep = choices.flags([("thread", "t1")], None)
    assert keep is not None
    config = Config(granularity="filefunctions", hide="module_1")
    whole = index_of(profile)
    chosen = choose(profile, config, keep)
    assert chosen is not None
    report = prepare(choices.valued(keep), whole.report.config, Defaults(trim=False, nodecount=0))
    ours = whole.narrowed(chosen, report)
    expected = index_of(choices.chosen([("thread", "t1")], None), config)
    assert ours.report.total == expected.report.total
    assert sums_by_name(ours) == sums_by_name(expected)
    assert named_paths(ours, ours.tree()) == named_paths(expected, expected.tree())


def test_filters_of_labels_are_not_flags() -> None:
    for options in ({"tagshow": "x"}, {"taghide": "x"}):
        assert choose(program(), Config(focus="main", **options)) is None
