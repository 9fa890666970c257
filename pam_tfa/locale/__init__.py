"""Texts for people, and their translations; imports nothing, because logins load it."""
