"""How tenants come to be and end: created, adopted, deleted."""
