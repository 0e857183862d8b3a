"""The nouns: frozen values that every other floor speaks in. Standard library and numpy only."""
