"""The back end behind the module's socket."""
