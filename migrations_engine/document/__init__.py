"""schema.json: its text, its values, its faults."""
