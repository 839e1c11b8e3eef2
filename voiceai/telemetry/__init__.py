"""What an operator sees of a running system: logs and turn latency."""
