"""Many tenants, many servers, over time: one operation each, as a list of named phases."""
