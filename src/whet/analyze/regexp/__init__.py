"""Regular expressions of RE2's syntax, searched in time linear in the text.

Expressions come from users, names from untrusted profiles; Python's `re` backtracks, so a
careless expression could take for ever. Here a text costs at most (length of the text)
times (length of the expression), whatever they are.
"""
