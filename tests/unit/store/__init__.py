"""The file store, without mocks: real files, owners, modes, locks, mounts and kills, as root."""
