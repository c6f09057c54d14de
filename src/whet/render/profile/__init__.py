"""Profile reports as text, in pprof's layouts, and as JSON. No statistics, no I/O."""
