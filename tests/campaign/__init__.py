"""Races and kills in great number; the short form runs with the other tests."""
