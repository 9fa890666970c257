"""Where records are kept: the file store and the sealing of secrets."""
