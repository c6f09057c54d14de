"""Prints the names of the modules that are loaded."""

import sys

print(*sorted(sys.modules))
