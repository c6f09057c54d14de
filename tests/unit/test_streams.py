"""Where commands write."""

import io

from whet.cli.streams import Streams


class Sparing(io.RawIOBase):
    """Takes three bytes at a time, as a pipe may when a signal comes."""

    def __init__(self):
        self.taken = b""

    def writable(self):
        return True

    def write(self, data):
        self.taken += bytes(data[:3])
        return min(3, len(data))


def test_data_is_written_whole_to_a_stream_without_a_buffer():
    out = Sparing()
    Streams(out, io.BytesIO()).write("hellö, world")
    assert out.taken.decode() == "hellö, world"
