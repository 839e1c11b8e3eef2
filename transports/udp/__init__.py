"""The I/O shell: sockets, ports and the one media clock. It decides nothing about audio."""
