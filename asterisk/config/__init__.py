"""Configuration of Asterisk: rendered from parameters, checked against what runs."""
