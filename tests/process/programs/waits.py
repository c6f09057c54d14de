"""Says that it is ready and waits for signals; handles those that its arguments name.

Writes to the descriptor: a handler that prints while print is flushing is an error of its own.
"""

import os
import signal
import sys

for name in sys.argv[1:]:
    signal.signal(
        getattr(signal, name), lambda number, frame: (os.write(1, b"got %d\n" % number), sys.exit(number))
    )
# A signal right before signal.pause() would be waited for in there for ever; one that is written down is not.
noted, note = os.pipe()
os.set_blocking(note, False)
signal.set_wakeup_fd(note, warn_on_full_buffer=False)
os.write(1, b"ready\n")
while True:
    os.read(noted, 1)
