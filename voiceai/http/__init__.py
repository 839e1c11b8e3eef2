"""The HTTP server: health, metrics, calls."""
