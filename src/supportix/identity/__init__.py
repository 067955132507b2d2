"""Who is asking and what they may do: accounts, passwords, sessions, tokens and roles.

Not event-sourced: credentials and personal names live in plain tables, so that erasing a person erases them.
"""
