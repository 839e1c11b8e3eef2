"""Signal code: samples in, samples out. No protocol, clock or I/O; numpy is allowed here only.

Audio is 16-bit little-endian mono at 8 kHz throughout, 320 bytes per 20 ms.
"""
