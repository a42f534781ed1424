"""SQLite's DDL as tokens and values: no database is opened here."""
