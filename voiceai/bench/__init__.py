"""Measuring from outside: a telephone that controls and records every packet, and what it tells.

``sip_message``, ``sip_digest``, ``sip_dialog``, ``sdp``, ``dtmf`` and ``heard`` are pure;
``rtp_line`` owns an audio socket and ``sip_caller`` the SIP socket.
"""
