"""All verbs, and where each is; a run imports only its own."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from pam_tfa.cli.language import N_

if TYPE_CHECKING:
    from pam_tfa.cli.verb import Verb


class VerbEntry(NamedTuple):
    """A verb in the overview."""

    module: str
    attribute: str
    summary: str


VERBS: Final = {
    "enroll": VerbEntry("enroll", "VERB", N_("set up a second factor for an account")),
    "status": VerbEntry("status", "STATUS", N_("show how an account is")),
    "list": VerbEntry("status", "LIST", N_("list all enrolled accounts")),
    "disable": VerbEntry("suspension", "DISABLE", N_("ask an account for no code, for a while")),
    "enable": VerbEntry("suspension", "ENABLE", N_("ask it again")),
    "reset": VerbEntry("recovery", "RESET", N_("remove an account's second factor")),
    "unlock": VerbEntry("recovery", "UNLOCK", N_("clear an account's wrong codes")),
    "backup-codes": VerbEntry("recovery", "BACKUP_CODES", N_("make a new set of backup codes")),
    "rename": VerbEntry("rename", "VERB", N_("follow an account to its new name or uid")),
    "prune": VerbEntry("prune", "VERB", N_("remove records of accounts that are gone")),
    "seal-key": VerbEntry("seal_key", "VERB", N_("rotate the sealing key, or show its use")),
    "init": VerbEntry("setup_store", "INIT", N_("make the store and the sealing key")),
    "version": VerbEntry("setup_store", "VERSION", N_("show the version")),
}


def load_verb(name: str) -> Verb:
    """Import a verb that is in the table."""
    entry = VERBS[name]
    module = import_module(f"pam_tfa.cli.{entry.module}")
    return cast("Verb", getattr(module, entry.attribute))
