"""Kernels: the compiled ones where they were built, else their plain Python/NumPy twins.

The only importer of `whet._native`. Kernels take and return plain arrays and know nothing of
models. What each kernel computes is documented in `kernels.reference`, its twin; native and
reference agree bit for bit.

    decode_pprof(blocks) -> columns                                reference.pprof
    digest_pprof(blocks) -> Digest                                 reference.digest
    node_sums(digests, negative, column) -> NodeSums
    gunzip(read) -> iterator of bytes                              reference.gzip
    pprof_merger() -> PprofMerger, None where nothing is compiled  model.merge is its oracle
    encode_pprof(columns) -> bytes
    write_pprof(columns, write): the same, piece by piece
    copy_pprof(blocks) -> PprofCopy, None where nothing is compiled  decode and encode are its oracle
    decode_folded(blocks) -> FoldedEnd                             reference.folded
    flat_cum(stack_start, stack, node_start, nodes, values, node_count, mask=None)
        -> (flat, cum)                                             reference.stacks
    edge_sums(same arguments) -> Edges(caller, callee, weight, residual, inline)
    call_tree(stack_start, stack, node_start, nodes, mask=None)
        -> CallTree(parent, node, sample_row)
    tree_values(parent, sample_row, values) -> (self, total)
    row_groups(start, cells) -> int32[rows], the same number for equal rows
    scan_results(block) -> ScannedResults                          reference.results
    rank_tails(start, ties, first, two_u) -> (lower, tail)          reference.ranks
    grow_tree(frames, frame_count, first, length, step, mass, cutoff, path, share, max_nodes)
        -> GrownTree or None                                       reference.trees
    count_flags(start, flags, rows=None) -> int64[rows]
    flag_ends(start, flags, rows=None) -> (first, last)
    visible_steps(begin, end, stack, node_start, nodes) -> (start, step)
    step_sums(start, step, values, node_count, mask=None) -> (flat, cum)   reference.steps

Twins are imported on first use: with compiled kernels a short report never loads NumPy.
WHET_REFERENCE_KERNELS=1 in the environment leaves the compiled module unused.
"""

from __future__ import annotations

import importlib
import os

from whet.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from whet.kernels.reference import (
        F64,
        I32,
        I64,
        CallTree,
        Columns,
        Digest,
        Edges,
        Flags,
        FoldedEnd,
        GrownTree,
        NodeSums,
        ScannedResults,
    )


def _compiled() -> Any:
    if os.environ.get("WHET_REFERENCE_KERNELS", "0") not in ("", "0"):
        return None
    try:
        return importlib.import_module("whet._native")
    except ImportError:
        return None


native = _compiled()


def _reference() -> Any:
    return importlib.import_module("whet.kernels.reference")


__all__ = [
    "call_tree",
    "copy_pprof",
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
    "native",
    "node_sums",
    "pprof_merger",
    "rank_tails",
    "row_groups",
    "scan_results",
    "step_sums",
    "tree_values",
    "visible_steps",
    "write_pprof",
]


def decode_pprof(blocks: Iterable[bytes]) -> Columns:
    """Decode an uncompressed profile that arrives in blocks.

    Raises:
        FormatError: the message is malformed or inconsistent.
    """
    if native is None:
        columns: Columns = _reference().decode_pprof(blocks)
    else:
        columns = _fed(native.PprofDecoder(), blocks)
    return columns


def digest_pprof(blocks: Iterable[bytes]) -> Digest:
    """Decode an uncompressed profile to no more than a table of functions needs.

    Samples are checked by `node_sums`.

    Raises:
        FormatError: the message is malformed or inconsistent.
    """
    if native is None:
        digest: Digest = _reference().digest_pprof(blocks)
    else:
        digest = _fed(native.DigestDecoder(), blocks)
    return digest


def node_sums(digests: list[Digest], negative: list[bool], column: int) -> NodeSums:
    """Sum up one value column of digests by node; those that are `negative` are subtracted.

    Raises:
        FormatError: samples are malformed or inconsistent.
    """
    sums: NodeSums
    if native is None:
        sums = _reference().node_sums(digests, negative, column)
        return sums
    try:
        sums = native.node_sums(digests, negative, column)
    except ValueError as error:
        raise _format_error(error) from None
    return sums


def gunzip(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """Yield the content of a gzip stream in blocks: of all members, zeros between them are padding.

    Args:
        read: returns at most so many bytes as it is asked for, none at the end.

    Raises:
        FormatError: the stream is damaged or cut off.
    """
    if native is None:
        yield from _reference().gunzip(read)
        return
    blocks = native.GzipBlocks(read)
    while True:
        try:
            block: bytes = next(blocks)
        except StopIteration:
            return
        except ValueError as error:
            raise _format_error(error) from None
        yield block


class PprofMerger:
    """Folds uncompressed profiles into one, by the rules of `model.merge`."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled

    def add(self, blocks: Iterable[bytes]) -> bool:
        """Fold in a profile that arrives in blocks.

        Returns False where its sample types or its period type are not those of the first one.
        Then, and after an error, nothing was folded in.

        Raises:
            FormatError: the message is malformed or inconsistent.
        """
        try:
            for block in blocks:
                self._compiled.feed(block)
            fits: bool = self._compiled.next()
        except ValueError as error:
            self._compiled.drop()
            raise _format_error(error) from None
        except BaseException:
            self._compiled.drop()
            raise
        return fits

    def finish(self) -> Columns:
        """Return the columns of the result: samples that became 0 and unused strings included."""
        columns: Columns = self._compiled.finish()
        return columns


def pprof_merger() -> PprofMerger | None:
    """Return a new merger, or None where nothing is compiled."""
    return None if native is None else PprofMerger(native.PprofMerger())


def _fed(decoder: Any, blocks: Iterable[bytes]) -> Any:
    try:
        for block in blocks:
            decoder.feed(block)
        return decoder.finish()
    except ValueError as error:
        raise _format_error(error) from None


def _format_error(error: ValueError) -> FormatError:
    if len(error.args) != 2:
        raise error
    message, offset = error.args
    return FormatError(message, offset=offset)


def encode_pprof(columns: Columns) -> bytes:
    """Encode columns as an uncompressed profile.proto message.

    Raises:
        ValueError: the columns do not fit together.
    """
    pieces: list[bytes] = []
    write_pprof(columns, pieces.append)
    return b"".join(pieces)


def write_pprof(columns: Columns, write: Callable[[bytes], object]) -> None:
    """Encode columns as an uncompressed profile.proto message, handed on piece by piece.

    Raises:
        ValueError: the columns do not fit together.
    """
    from whet.kernels.reference.columns import checked

    if native is None:
        write(_reference().encode_pprof(checked(columns)))
    else:
        native.encode_pprof(checked(columns), write)


def copy_pprof(blocks: Iterable[bytes]) -> Any:
    """Decode an uncompressed profile that is only to be written again; None where nothing is compiled.

    What is returned has `facts()`, those of a digest, and `encode(write)`, as `write_pprof`.

    Raises:
        FormatError: the message is malformed or inconsistent.
    """
    if native is None:
        return None
    copy = native.PprofCopy()
    _fed(copy, blocks)
    return copy


def decode_folded(blocks: Iterable[bytes]) -> FoldedEnd:
    """Decode collapsed stacks that arrive in blocks; see reference.folded."""
    if native is None:
        plain: FoldedEnd = _reference().decode_folded(blocks)
        return plain
    reader = native.FoldedReader(int.from_bytes(os.urandom(8), "little"))
    for block in blocks:
        if not reader.feed(block):
            break
    end: FoldedEnd = _reference().FoldedEnd(*reader.finish())
    return end


def flat_cum(
    stack_start: I64,
    stack: I32,
    node_start: I64,
    nodes: I32,
    values: I64,
    node_count: int,
    mask: Flags | None = None,
) -> tuple[I64, I64]:
    """Return (flat, cum), int64[node_count] each; see reference.stacks."""
    kernel = (native or _reference()).flat_cum
    flat, cum = kernel(stack_start, stack, node_start, nodes, values, node_count, mask)
    return flat, cum


def edge_sums(
    stack_start: I64,
    stack: I32,
    node_start: I64,
    nodes: I32,
    values: I64,
    node_count: int,
    mask: Flags | None = None,
) -> Edges:
    """Return the weight of every caller-callee pair; see reference.stacks."""
    kernel = (native or _reference()).edge_sums
    edges: Edges = _reference().Edges(
        *kernel(stack_start, stack, node_start, nodes, values, node_count, mask)
    )
    return edges


def call_tree(
    stack_start: I64, stack: I32, node_start: I64, nodes: I32, mask: Flags | None = None
) -> CallTree:
    """Return the prefix tree of all stacks from the root; see reference.stacks."""
    kernel = (native or _reference()).call_tree
    tree: CallTree = _reference().CallTree(*kernel(stack_start, stack, node_start, nodes, mask))
    return tree


def tree_values(parent: I32, sample_row: I32, values: I64) -> tuple[I64, I64]:
    """Return (self, total) of every row of a call tree; see reference.stacks."""
    own, total = (native or _reference()).tree_values(parent, sample_row, values)
    return own, total


def row_groups(start: I64, cells: I32) -> I32:
    """Number the rows of a CSR array, equal rows alike, in order of first appearance."""
    groups: I32 = (native or _reference()).row_groups(start, cells)
    return groups


def scan_results(block: bytes) -> ScannedResults:
    """Scan whole lines of Go's benchmark format for plain results; see reference.results."""
    reference = _reference()
    scanned: ScannedResults
    if native is None:
        scanned = reference.scan_results(block)
    else:
        scanned = reference.ScannedResults(*native.scan_results(block))
    return scanned


def rank_tails(start: I64, ties: I64, first: int, two_u: I64) -> tuple[F64, F64]:
    """Count arrangements of tied ranks: (lower, tail), float64[problems] each; see reference.ranks."""
    lower, tail = (native or _reference()).rank_tails(start, ties, first, two_u)
    return lower, tail


def grow_tree(
    frames: I32,
    frame_count: int,
    first: I64,
    length: I64,
    step: int,
    mass: F64,
    cutoff: F64,
    path: I32,
    share: float,
    max_nodes: int,
) -> GrownTree | None:
    """Return the tree of paths through `frames`, cut below a mass; see reference.trees."""
    kernel = (native or _reference()).grow_tree
    grown = kernel(frames, frame_count, first, length, step, mass, cutoff, path, share, max_nodes)
    return None if grown is None else _reference().GrownTree(*grown)


def count_flags(start: I64, flags: Flags, rows: I32 | None = None) -> I64:
    """Count the set flags in each row of a CSR array; see reference.trees."""
    counts: I64 = (native or _reference()).count_flags(start, flags, rows)
    return counts


def flag_ends(start: I64, flags: Flags, rows: I32 | None = None) -> tuple[I64, I64]:
    """Return where the first and the last set flag of each row are; see reference.trees."""
    first, last = (native or _reference()).flag_ends(start, flags, rows)
    return first, last


def visible_steps(begin: I64, end: I64, stack: I32, node_start: I64, nodes: I32) -> tuple[I64, I32]:
    """Return (start, step), the visible nodes of each sample; see reference.steps."""
    start, step = (native or _reference()).visible_steps(begin, end, stack, node_start, nodes)
    return start, step


def step_sums(
    start: I64, step: I32, values: I64, node_count: int, mask: Flags | None = None
) -> tuple[I64, I64]:
    """Return (flat, cum), int64[node_count] each; see reference.steps."""
    flat, cum = (native or _reference()).step_sums(start, step, values, node_count, mask)
    return flat, cum
