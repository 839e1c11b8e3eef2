"""Who answers which number, and what was said: PostgreSQL, the user's or an embedded one."""
