"""A second factor for Linux logins, asked for through PAM."""

__version__ = "0.1.0"
