"""Carrying a plan out in one transaction, and keeping what leads back."""
