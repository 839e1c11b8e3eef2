"""Conversations in steps: a flow's text, its mistakes, where a conversation is in it."""
