"""One schema brought to all tenants, wave by wave."""
