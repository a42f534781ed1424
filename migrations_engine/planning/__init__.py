"""A change on one file, as data: which table goes which way, and what it costs."""
