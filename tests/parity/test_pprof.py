"""The compiled pprof codec and its reference agree: results, bytes, and words of errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pprof_strategies import damaged, profiles
from whet import kernels
from whet.errors import FormatError
from whet.formats import pprof
from whet.kernels import reference

pytestmark = pytest.mark.skipif(kernels.native is None, reason="the compiled module is not built")

PLAIN = profiles().map(lambda p: pprof.encode(p, compress=False))


def outcome(decode: Any, data: bytes) -> Any:
    """Return the columns, arrays as (dtype, shape, list), or what the error says."""
    try:
        columns = decode([data])
    except FormatError as error:
        return error.message, error.offset
    return {
        name: (value.dtype, value.shape, value.tolist()) if isinstance(value, np.ndarray) else value
        for name, value in columns.items()
    }


@given(st.one_of(PLAIN, damaged(PLAIN), st.binary(max_size=40)))
def test_decoders_accept_the_same_and_say_the_same(data: bytes) -> None:
    assert outcome(kernels.decode_pprof, data) == outcome(reference.decode_pprof, data)


@given(PLAIN)
def test_encoders_write_the_same_bytes(data: bytes) -> None:
    columns = reference.decode_pprof([data])
    assert kernels.encode_pprof(columns) == reference.encode_pprof(columns) == data
