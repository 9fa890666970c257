"""The command pam-tfa: the only place, beside locale/, with text for people."""
