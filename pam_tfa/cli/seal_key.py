"""`pam-tfa seal-key rotate` and `seal-key status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pam_tfa.cli.arguments import UsageError
from pam_tfa.cli.failures import DONE, UNAVAILABLE, explain
from pam_tfa.cli.language import N_, _, ngettext
from pam_tfa.cli.printable import printable
from pam_tfa.cli.values import one_of
from pam_tfa.cli.verb import Verb

if TYPE_CHECKING:
    from argparse import Namespace

    from pam_tfa.cli.arguments import Parser
    from pam_tfa.cli.context import Context
    from pam_tfa.core.errors import RecordDamagedError
    from pam_tfa.key_rotation import KeyUse, NotResealed, Rotation

PROGRESS_EVERY: Final = 100


def _add_action(parser: Parser) -> None:
    parser.add_operand(
        "action",
        metavar="rotate|status",
        explanation=_("make a new key for all records, or show which key is used"),
        parse=one_of("seal-key", "rotate", "status"),
    )


def _run(context: Context, arguments: Namespace) -> int:
    if arguments.action is None:
        raise UsageError(
            _("seal-key needs what to do: pam-tfa seal-key rotate, or pam-tfa seal-key status.")
        )
    context.require_root(arguments.action)
    if arguments.action == "status":
        return _status(context, json=arguments.json)
    return _rotate(context, json=arguments.json)


def _rotate(context: Context, *, json: bool) -> int:
    from pam_tfa.key_rotation import rotate_seal_key

    path, done = context.config().seal_key_path, 0

    def progress(records: int) -> None:
        nonlocal done
        done = records
        if records % PROGRESS_EVERY == 0:
            context.terminal.progress(_("{n} records done ...").format(n=records))

    try:
        rotation = rotate_seal_key(context.store(), path, context.now_s, progress)
    finally:
        if done >= PROGRESS_EVERY:
            context.terminal.progress("")
    context.log(
        "seal_key_rotate",
        None,
        ("key_id", rotation.active_key_id),
        ("new", "yes" if rotation.made_key else "no"),
        ("resealed", rotation.resealed),
        ("not_resealed", len(rotation.not_resealed)),
        ("dropped", ",".join(rotation.dropped_key_ids) or None),
        ("kept", ",".join(rotation.kept_key_ids) or None),
    )
    if json:
        context.answer_json(_rotation_json(path, rotation))
    else:
        context.terminal.show(*_rotation_lines(path, rotation))
    _note_not_resealed(context, rotation.not_resealed)
    return UNAVAILABLE if rotation.not_resealed else DONE


def _rotation_json(path: str, rotation: Rotation) -> dict[str, object]:
    return {
        "action": "rotate",
        "seal_key": path,
        "new_key": rotation.made_key,
        "active_key_id": rotation.active_key_id,
        "kept_key_ids": list(rotation.kept_key_ids),
        "dropped_key_ids": list(rotation.dropped_key_ids),
        "resealed": rotation.resealed,
        "not_resealed": [
            {"user": each.account_name, "path": each.error.path, "reason": each.error.reason}
            for each in rotation.not_resealed
        ],
    }


def _rotation_lines(path: str, rotation: Rotation) -> list[str]:
    made = _("The new sealing key {key_id} seals every record from now on.")
    finished = _(
        "An earlier rotation, to the key {key_id}, was not finished; now it is. "
        "For another new key, run this again."
    )
    lines = [
        (made if rotation.made_key else finished).format(key_id=rotation.active_key_id),
        ngettext(
            "{n} record was sealed anew.", "{n} records were sealed anew.", rotation.resealed
        ).format(n=rotation.resealed),
    ]
    if rotation.dropped_key_ids:
        text = _("Dropped from {path}: {key_ids}.")
        lines.append(text.format(path=path, key_ids=", ".join(rotation.dropped_key_ids)))
    if rotation.kept_key_ids:
        text = _("Kept in {path}, because records need it or can't be read: {key_ids}.")
        lines.append(text.format(path=path, key_ids=", ".join(rotation.kept_key_ids)))
    lines.append(
        _(
            "Make a new copy of {path}. Keep the old copy as long as backups of the records from "
            "before."
        ).format(path=path)
    )
    return lines


def _note_not_resealed(context: Context, problems: tuple[NotResealed, ...]) -> None:
    for each in problems:
        whose = f"{printable(each.account_name)}: " if each.account_name else ""
        context.terminal.note(f"pam-tfa: {whose}{explain(each.error).sentence}")
    if problems:
        context.terminal.note(
            ngettext(
                "{n} record was not sealed anew; mend it (for a key that is missing: append its "
                "line from a copy of the key file) or remove it with `sudo pam-tfa reset USER`, "
                "then run this again.",
                "{n} records were not sealed anew; mend them (for a key that is missing: append "
                "its line from a copy of the key file) or remove them with "
                "`sudo pam-tfa reset USER`, then run this again.",
                len(problems),
            ).format(n=len(problems))
        )


def _status(context: Context, *, json: bool) -> int:
    from pam_tfa.key_rotation import read_key_use

    keyring = context.keyring()
    use = read_key_use(context.store(), keyring)
    missing = [each for each in use.records_by_key_id if each not in keyring.key_ids]
    if json:
        context.answer_json(
            {
                "action": "status",
                "seal_key": keyring.path,
                "active_key_id": keyring.active_key_id,
                "records_by_key_id": use.records_by_key_id,
                "missing_key_ids": missing,
                "damaged": [_damage_json(each) for each in use.damaged],
            }
        )
    else:
        context.terminal.show(*_use_lines(keyring.active_key_id, missing, use))
    for error in use.damaged:
        context.terminal.note(f"pam-tfa: {explain(error).sentence}")
    return UNAVAILABLE if use.damaged or missing else DONE


def _damage_json(error: RecordDamagedError) -> dict[str, object]:
    return {"path": error.path, "field": error.field, "reason": error.reason}


def _use_lines(active_key_id: str, missing: list[str], use: KeyUse) -> list[str]:
    width = max(map(len, use.records_by_key_id))
    lines = []
    for key_id, count in use.records_by_key_id.items():
        parts = [
            f"{printable(key_id):<{width}}",
            ngettext("{n} record", "{n} records", count).format(n=count),
        ]
        if key_id == active_key_id:
            parts.append(_("seals"))
        if key_id in missing:
            parts.append(_("missing: logins are refused until its copy is restored"))
        lines.append("  ".join(parts))
    return lines


VERB: Final = Verb(
    name="seal-key",
    usage="rotate|status",
    description=N_(
        "rotate: make a new sealing key, seal every record anew with it, then drop the\n"
        "old one. Logins go on meanwhile. Interrupted, it leaves both keys good; run it\n"
        "again to finish. A key that a damaged record may need stays.\n"
        "status: show the keys in the file and how many records each has sealed."
    ),
    examples=N_(
        "Examples:\n"
        "  sudo pam-tfa seal-key rotate\n"
        "  sudo pam-tfa seal-key status\n"
        "\n"
        "What next: copy the key file to a safe place. Exit status 4 says that some\n"
        "records were not sealed anew (rotate), are damaged or lack their key (status)."
    ),
    user="none",
    add_options=_add_action,
    run=_run,
)
