"""The placement ``inline``: streams on the caller's event loop, and what any placement runs."""
