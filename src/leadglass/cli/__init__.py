"""Where people type: a command parses, calls one flow, prints."""
