"""Reads standard input in lines and in a block, and tells what its streams are."""

import sys

print(sys.stdin.readline().upper(), end="")
print(len(sys.stdin.buffer.read()))
print([stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)])
