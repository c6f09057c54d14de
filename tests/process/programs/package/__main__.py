"""Imports its neighbour by a relative import and fails in it."""

import sys

from .neighbour import fail

print(sys.argv, __name__, __package__, __spec__ and __spec__.name, sys.path[0])
if sys.argv[1:] == ["fail"]:
    fail()
