"""Key custodians."""
