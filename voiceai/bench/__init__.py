"""Measuring from outside: the benches, and the telephone that controls and records every packet.

Benches: ``setup``, ``jitter``, ``cpu`` and ``turns`` return a ``report``; what must not share a
loop with the measured is a ``companion``, a process of its own (``served``, ``arrivals``,
``talkers``).

Telephone: ``sip_message``, ``sip_digest``, ``sip_dialog``, ``sdp``, ``dtmf_event`` and ``track``
are pure; ``rtp_line`` owns an audio socket and ``sip_caller`` the SIP socket.
"""
