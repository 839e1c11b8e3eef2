"""Cloud services on this machine: servers that their own SDKs take for the real ones.

``MistralFake`` is Mistral, and any OpenAI-compatible chat. What one says and understands is up to
its owner (``voices``, ``recognisers``, ``chat``). How it behaves is a ``behaviour.Script`` of each
``endpoint.Endpoint``, which may change at any moment: late, wrong, stalled, dropped, silent. What
it was asked is kept there too. ``hearing``, ``behaviour``, ``chat`` and ``mistral_refusals`` are
pure.
"""
