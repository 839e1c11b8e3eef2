"""Filters of the caller's audio, each the only importer of its library: the extra audio-filters."""
