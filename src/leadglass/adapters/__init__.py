"""Ports made real: a database, a folder of blobs, a key file, a clock."""
