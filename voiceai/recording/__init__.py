"""Recordings of calls: what was heard and what was sent, on disk for as long as was asked for."""
