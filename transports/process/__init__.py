"""The placement ``process``: the inline engine in a process of its own, behind shared memory."""
