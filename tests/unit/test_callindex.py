from __future__ import annotations

import numpy as np
import pytest

from web.profiles import Sample, Step, build, program, random_program
from whet.analyze.profile.callindex import CallIndex, ScreenTree, build_call_index
from whet.analyze.profile.calltree import REST
from whet.analyze.profile.config import Config, Defaults
from whet.analyze.profile.filters import apply_filters, chosen_samples
from whet.analyze.profile.neighbours import line_sums, node_calls
from whet.analyze.profile.report import prepare
from whet.analyze.profile.rows import call_rows
from whet.analyze.profile.select import select_samples
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
        calls = node_calls(index, named(index, name))
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
    ],
)  # fmt: skip
def test_narrowing_is_filtering(options: dict[str, str]) -> None:
    profile = random_program(13, 800)
    config = Config(granularity="filefunctions", **options)
    found = chosen_samples(profile, config)
    assert found is not None
    filtered, warnings = apply_filters(profile, config)
    assert found[1] == warnings
    assert select_samples(profile, found[0]) == filtered
    narrow, plain = index_of(profile).narrowed(found[0]), index_of(profile, config)
    assert narrow.flat.tolist() == plain.flat.tolist()
    assert narrow.cum.tolist() == plain.cum.tolist()
    for inverted in (False, True):
        ours, expected = narrow.tree(inverted=inverted), plain.tree(inverted=inverted)
        assert ours.tree.parent.tolist() == expected.tree.parent.tolist()
        assert ours.tree.frame.tolist() == expected.tree.frame.tolist()
        assert ours.own.tolist() == expected.own.tolist()
    node = int(np.argmax(plain.cum))
    assert node_calls(narrow, node) == node_calls(plain, node)
    assert line_sums(narrow, node).cum.tolist() == line_sums(plain, node).cum.tolist()


def test_filters_of_frames_are_not_flags_of_samples() -> None:
    for options in ({"hide": "x"}, {"show": "x"}, {"show_from": "x"}, {"prune_from": "x"}, {"taghide": "x"}):
        assert chosen_samples(program(), Config(focus="main", **options)) is None
