"""`pam-tfa init` and `version`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pam_tfa import __version__
from pam_tfa.cli.failures import DONE, REFUSED, CommandError
from pam_tfa.cli.language import N_, _
from pam_tfa.cli.verb import Verb, no_options
from pam_tfa.core.errors import SealKeyMissingError

if TYPE_CHECKING:
    from argparse import Namespace

    from pam_tfa.cli.context import Context


def _init(context: Context, arguments: Namespace) -> int:
    from pam_tfa.store.sealing import create_seal_key

    context.require_root()
    config, store = context.config(), context.store()
    store.initialize()
    made = False
    try:
        context.keyring()
    except SealKeyMissingError:
        made = _may_make_key(context) and create_seal_key(config.seal_key_path)
    else:
        create_seal_key(config.seal_key_path)  # it is there; what a killed run left gets durable
    if made:
        context.log("init", None, ("seal_key", config.seal_key_path))
    if arguments.json:
        context.answer_json(
            {
                "store": config.store_dir,
                "seal_key": config.seal_key_path,
                "seal_key_was_made": made,
            }
        )
        return DONE
    context.terminal.show(
        _("The store {path} is ready.").format(path=config.store_dir),
        (
            _("A new sealing key was made: {path}. Keep a copy of it apart from the store's.")
            if made
            else _("The sealing key {path} is in place.")
        ).format(path=config.seal_key_path),
    )
    return DONE


def _may_make_key(context: Context) -> bool:
    """Refuse a new sealing key where records exist that it could not open. Raises: CommandError."""
    path = context.config().seal_key_path
    if next(context.store().entries(), None) is not None:
        raise CommandError(
            REFUSED,
            _("The sealing key {path} is missing, and there are records sealed with it.").format(
                path=path
            ),
            _(
                "A new key could not open them: restore its copy, or remove the records with "
                "`sudo pam-tfa reset USER`, run this again, and enrol anew."
            ),
        )
    return True


def _version(context: Context, arguments: Namespace) -> int:
    if arguments.json:
        context.answer_json({"version": __version__})
    else:
        context.terminal.show(f"pam-tfa {__version__}")
    return DONE


INIT: Final = Verb(
    name="init",
    usage="",
    description=N_(
        "Make the store of records and the sealing key, as far as they are missing;\n"
        "changes nothing that is there. Refuses to make a key while there are records,\n"
        "because a new key could not open them."
    ),
    examples=N_(
        "Examples:\n"
        "  sudo pam-tfa init\n"
        "\n"
        "What next: `sudo pam-tfa enroll USER`; copy the sealing key to a safe place."
    ),
    user="none",
    add_options=no_options,
    run=_init,
)

VERSION: Final = Verb(
    name="version",
    usage="",
    description=N_("Show the version."),
    examples=N_("Examples:\n  pam-tfa version"),
    user="none",
    add_options=no_options,
    run=_version,
)
