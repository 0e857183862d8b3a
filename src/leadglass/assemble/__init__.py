"""Where adapters are chosen, and what is made of them: a site from its settings, a desk that works on files without one."""
