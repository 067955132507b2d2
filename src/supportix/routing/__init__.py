"""Routing: which department a new ticket goes to, which tags suit it, and how the model that helps with it is learned."""
