"""What an attacker tries: what was given, and what is expected of it, row by row.

A row is refused in one line of at most 500 characters with exit status 2, or is harmless; in
bounded time and memory either way, and what was there before is there after it.
"""
