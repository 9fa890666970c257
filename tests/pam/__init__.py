"""The installed module, driven through the real libpam."""
