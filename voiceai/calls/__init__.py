"""One call from first ring to record: session, journal, supervisor."""
