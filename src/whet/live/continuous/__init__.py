"""Profiling all the time: windows of profiles, one after the other, pushed to where they are kept.

`agent.py` says when; `rolling.py` cuts windows out of collectors that stay on, `budget.py` keeps them
cheap; `spool.py` queues what was cut, `sender.py` hands it to one of `backends.py`. Described in
docs/continuous.md.
"""
