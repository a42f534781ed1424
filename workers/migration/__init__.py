"""One tenant brought to another schema, and back."""
