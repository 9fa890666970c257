"""Pure rules of the second factor: no clock, files, sockets, randomness or logging."""
