"""A long process on one tenant: its row, its lease, its journal, its carrier."""
