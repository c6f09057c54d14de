"""Filters and projections, on results of which everything is known."""

import pytest

from whet.analyze.stat.facts import Facts, UnitName
from whet.analyze.stat.filter import parse_filter
from whet.analyze.stat.names import base_name, name_key, name_parts, without_keys
from whet.analyze.stat.projection import Projections
from whet.errors import UsageError

UNITS = (UnitName("sec/op", "ns/op"), UnitName("B/op", ""))


def facts(name="Encode/format=json-8", file="a.txt", **keys):
    return Facts(name, file, tuple(keys.items()), {**keys, ".file": file}, UNITS)


@pytest.mark.parametrize(
    ("query", "mask"),
    [
        ("*", True),
        ("-*", False),
        (".name:Encode", True),
        (".fullname:/json/", True),
        ("/format:(gob OR json)", True),
        ("/gomaxprocs:8 goos:linux", True),
        ("goos:darwin OR .file:a.txt", True),
        ("-(goos:linux)", False),
        (".unit:ns/op", [True, False]),
        ("-.unit:sec/op", [False, True]),
        ("goos:linux .unit:B/op", [False, True]),
        ("goos:darwin OR .unit:B/op", [False, True]),
        ('"goos":"\\x6cinux"', True),
        ("missing:/^$/", True),
    ],
)
def test_filters_choose_results_and_values(query, mask):
    assert parse_filter(query)(facts(goos="linux")) == mask


@pytest.mark.parametrize(
    ("query", "offset"),
    [
        ("", 1), ("a", 1), ("a:", 1), ("(a:b", 5), ("a:(b c)", 6), ("a:/(/", 3), ('a:"b', 3), ("a:b )", 5),
        (".config:x", 1), ('"":x', 1), ("a:/b/c", 6),
    ],
)  # fmt: skip
def test_bad_filters_are_refused_with_their_place(query, offset):
    with pytest.raises(UsageError) as raised:
        parse_filter(query)
    assert f"at character {offset} of" in raised.value.message
    assert raised.value.hint.splitlines()[1].index("^") == offset - 1 + 6


@pytest.mark.parametrize(
    "text", [".unit", "@alpha", "a@", "a@x", "a@()", "a@(b", ".config@(a)", '""', "a,,b"]
)
def test_bad_projections_are_refused(text):
    with pytest.raises(UsageError):
        Projections().parse(text, option="-row")


def test_specific_keys_are_left_out_of_general_ones():
    projections = Projections()
    config = projections.parse(".config", option="-table")
    full = projections.parse(".fullname", option="-row")
    column = projections.parse("/format,goos", option="-col")
    one = facts(goos="linux", pkg="p")
    assert config.text(config.key(one)) == "p"
    assert full.text(full.key(one)) == "Encode-8"
    assert column.text(column.key(one)) == "json linux"
    assert [f.name for f in projections.residue().fields()] == []


def test_residue_is_what_no_projection_covers():
    projections = Projections()
    projections.parse(".name", option="-row")
    residue = projections.residue()
    keys = [
        residue.key(facts(name, goos=os)) for name, os in [("A/x=1", "l"), ("B/x=2", "l"), ("C/x=2", "d")]
    ]
    assert residue.varying(keys[:2]) == [".fullname"]
    assert residue.varying(keys) == ["goos", ".fullname"]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("", ["2k", "10", "x", "1Mi", "9"]),
        ("@alpha", ["10", "1Mi", "2k", "9", "x"]),
        ("@num", ["9", "10", "2k", "1Mi", "x"]),
        ("@(9 x 10 2k 1Mi)", ["9", "x", "10", "2k", "1Mi"]),
    ],
)
def test_orders(order, expected):
    projections = Projections()
    projection = projections.parse(f"/n{order}", option="-col")
    keys = {projection.key(facts(f"A/n={value}")) for value in ["2k", "10", "x", "1Mi", "9"]}
    assert [projection.text(key) for key in projection.ordered(keys)] == expected


def test_a_fixed_order_is_a_filter_too():
    projections = Projections()
    projections.parse("/format@(gob)", option="-col")
    assert projections.filters[0](facts()) is False


def test_parts_of_names():
    assert name_parts("A/b=1/c-8") == ("A", ["/b=1", "/c", "-8"])
    assert (base_name("A-8"), base_name("A-x"), base_name("A-8/b")) == ("A", "A-x", "A-8")
    assert (name_key("A/b=1-8", "/b"), name_key("A-8", "/gomaxprocs"), name_key("A", "/b")) == ("1", "8", "")
    assert without_keys("A/b=1/c=2-8", [".name", "/b", "/gomaxprocs"]) == "*/c=2"
