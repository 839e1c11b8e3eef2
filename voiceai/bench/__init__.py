"""Measuring from outside: the benches, and the telephone that controls and records every packet.

Benches: ``setup``, ``jitter``, ``capacity``, ``cpu``, ``turns``, ``barge_in``, ``concealment``,
``soak`` and ``soak_real`` return a ``report``, which ``plot`` draws; what must not share a loop
with the measured is a ``companion``, a process of its own (``served``, ``arrivals``, ``talkers``,
``callers``, ``capacity_subject``). Arithmetic is apart and pure: ``pace``, ``listener``,
``capacity_step``, ``growth``.

Telephone: ``sip_message``, ``sip_digest``, ``sip_dialog``, ``sdp``, ``dtmf_event`` and ``track``
are pure; ``rtp_line`` owns an audio socket and ``sip_caller`` the SIP socket.
"""
