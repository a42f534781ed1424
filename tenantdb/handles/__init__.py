"""What an application holds of a tenant, and the connections below it."""
