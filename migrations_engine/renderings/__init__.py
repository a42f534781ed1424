"""A schema for those who read it: as a short text, as a page, as models of an application."""
