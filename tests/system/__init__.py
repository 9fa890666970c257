"""Real programs around the installed module: sshd, login, su, sudo, passwd."""
