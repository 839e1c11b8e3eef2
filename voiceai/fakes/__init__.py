"""Cloud services on this machine: servers that their own SDKs take for the real ones.

``AzureFake`` (``azure``) recognises and synthesises for Azure's SDK, ``MistralFake`` (``mistral``)
is Mistral and any OpenAI-compatible chat, ``EdgeFake`` (``edge``) speaks for ``edge-tts``.

What one says and understands is its owner's: ``voices``, ``recognisers``, ``chat``. How it behaves
is the ``behaviour.Script`` of each ``endpoint.Endpoint``, which may change at any moment: late,
wrong, stalled, dropped, silent. What it was asked is kept there too; ``server`` can vanish and come
back. ``hearing``, ``behaviour``, ``boundaries``, ``chat``, ``ssml``, ``microsoft_messages`` and
``mistral_refusals`` are pure.
"""
