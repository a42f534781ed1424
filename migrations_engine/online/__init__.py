"""The online core that schema migration and tenant move share: capture, copy, replay, verify, phases."""
