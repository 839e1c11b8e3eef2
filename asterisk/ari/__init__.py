"""Asterisk REST interface: typed events, requests, the life of a call, and the client."""
