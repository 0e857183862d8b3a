"""What tests and demonstrations are made of: ports in memory, failures on demand, example films."""
