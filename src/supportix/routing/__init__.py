"""Routing: to which department a ticket goes, which tags suit it, and how the model that helps is learned."""
