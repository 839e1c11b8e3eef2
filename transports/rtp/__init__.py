"""RTP without a socket, a clock or a log: bytes and ``now`` in, audio and bytes out.

``session`` composes ``receiver`` (``source`` -> ``sequence`` -> ``jitter`` with ``drift``) and
``sender``; ``stats`` counts; ``events`` is what comes out. ``now`` is in monotonic seconds.
"""
