"""Plain Python/NumPy twins of the compiled kernels: oracle in tests, fallback without a compiler.

Slow and plain on purpose; never imports `whet._native`.
"""

from __future__ import annotations

from whet.kernels.reference.digest import Digest, NodeSums, node_sums
from whet.kernels.reference.digest import digest as digest_pprof
from whet.kernels.reference.folded import FoldedEnd, decode_folded
from whet.kernels.reference.gzip import gunzip
from whet.kernels.reference.pprof import Columns
from whet.kernels.reference.pprof import decode as decode_pprof
from whet.kernels.reference.pprof import encode as encode_pprof
from whet.kernels.reference.ranks import F64, rank_tails
from whet.kernels.reference.results import ScannedResults, scan_results
from whet.kernels.reference.stacks import (
    I32,
    I64,
    CallTree,
    Edges,
    Flags,
    call_tree,
    edge_sums,
    flat_cum,
    row_groups,
    tree_values,
)
from whet.kernels.reference.steps import step_sums, visible_steps
from whet.kernels.reference.trees import GrownTree, count_flags, flag_ends, grow_tree

__all__ = [
    "F64",
    "I32",
    "I64",
    "CallTree",
    "Columns",
    "Digest",
    "Edges",
    "Flags",
    "FoldedEnd",
    "GrownTree",
    "NodeSums",
    "ScannedResults",
    "call_tree",
    "count_flags",
    "decode_folded",
    "decode_pprof",
    "digest_pprof",
    "edge_sums",
    "encode_pprof",
    "flag_ends",
    "flat_cum",
    "grow_tree",
    "gunzip",
    "node_sums",
    "rank_tails",
    "row_groups",
    "scan_results",
    "step_sums",
    "tree_values",
    "visible_steps",
]
