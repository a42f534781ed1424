"""A lone file rebuilt inside itself, while others write to it: see the README beside this."""
