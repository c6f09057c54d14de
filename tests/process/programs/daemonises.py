"""Becomes a daemon the old way; the daemon writes a file when its work is done."""

import os
import sys

if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
for fd in (0, 1, 2):
    os.dup2(os.open("/dev/null", os.O_RDWR), fd)
os.closerange(3, 4096)
os.chdir("/")
sum(i * i for i in range(10**5))
with open(sys.argv[1] + ".part", "w") as file:
    file.write("done")
os.rename(sys.argv[1] + ".part", sys.argv[1])
