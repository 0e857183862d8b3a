"""What looks at pictures: programs of others, each in a process of its own that has no keys."""
