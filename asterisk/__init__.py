"""How calls arrive."""
