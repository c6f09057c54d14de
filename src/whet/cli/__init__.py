"""The command line: the only floor that prints.

Each command is a module with `main(argv, streams) -> int`; `main.py` is the table of
contents. Nothing here reads profiles or computes: that is `driver`'s work.
"""
