"""What is said: a conversation as data, and how it becomes a Pipecat pipeline.

``spec``, ``document``, ``loader`` and ``rules`` are pure. ``registry`` names the
services, ``resources`` holds what they share (models, threads, keys), ``builder``
makes one call's pipeline of a spec. What it needs from the telephone is in ``ports``.
"""
