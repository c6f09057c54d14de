"""Changes its directory and removes the one it started in, with itself."""

import os
import shutil
import sys

here = os.getcwd()
os.chdir("/")
shutil.rmtree(here)
print(os.path.exists(here), os.path.exists(__file__))
sys.exit(2)
