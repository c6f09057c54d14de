"""Runs another program by runpy, and exits from within it."""

import runpy
import sys

sys.argv[1:] = ["inner"]
names = runpy.run_path(sys.argv[0].replace("runs_inside", "standard_input"))
print(sorted(names)[:3])
runpy.run_module("package", run_name="__main__", alter_sys=True)
