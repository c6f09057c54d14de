"""Closes the streams that its arguments name, or all descriptors from 3 on, and opens a file."""

import os
import sys

for name in sys.argv[1:]:
    if name == "all":
        os.closerange(3, 4096)
    else:
        getattr(sys, name).close()
first = os.open("/dev/null", os.O_RDONLY)
sys.exit(first)
