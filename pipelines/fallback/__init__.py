"""Services that take each other's place: when one errors, hangs or says nothing, the next does it.

A chain stands where its service would stand in the pipeline. ``health`` decides whom to ask,
``rung`` runs one service out of the pipeline's way, and ``llm``, ``stt`` and ``tts`` know what a
failure looks like in each of them: no first word, no transcript, no sound.
"""
