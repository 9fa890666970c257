"""Tests of one module each, without a machine around it."""
