"""voiceai: a self-hosted voice-AI telephone system for Asterisk 22.

This package is the product: it composes :mod:`asterisk` (how calls arrive),
:mod:`transports` (how they sound) and :mod:`pipelines` (what is said).
"""
