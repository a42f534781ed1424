"""What differs between two schemas, as typed steps: pure, nothing here knows a file."""
