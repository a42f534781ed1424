"""Our own small process pool, for fleets without a broker."""
