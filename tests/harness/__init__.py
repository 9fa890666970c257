"""What tests against an installation share: users, codes, PAM clients, the log, faults."""
