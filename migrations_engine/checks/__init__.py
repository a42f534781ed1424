"""Looking before and after: rows that would not fit, references, lints, proof of the copy."""
