"""One module for each version of the catalog's schema; never changed once released."""
