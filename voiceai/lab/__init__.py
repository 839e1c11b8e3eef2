"""Conversations to try things out: in text, and by voice over a network as bad as one likes."""
