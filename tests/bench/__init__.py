"""What a login costs, measured beside the peers: sudo make bench."""
