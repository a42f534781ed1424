"""The tour of the platform on this machine: `tenantdb demo`."""
