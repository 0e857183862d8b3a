"""What looks at found pictures (the extra ``trace``): one process parses files, another compares arrays."""
