"""One verb a module: read, decide, change, record. A flow touches the world only through the Site it is given."""
