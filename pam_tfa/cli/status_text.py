"""An account's status as lines for people and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pam_tfa.cli.language import _, ngettext
from pam_tfa.cli.printable import printable
from pam_tfa.cli.times import duration, local_time
from pam_tfa.core.suspension import WITHOUT_END_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pam_tfa.administration import AccountStatus, FailureStatus
    from pam_tfa.core.records import Authenticator
    from pam_tfa.dialogue import Account

LABEL_WIDTH = 26


def status_json(status: AccountStatus, account: Account | None) -> dict[str, object]:
    """Return a status for programs; times are Unix seconds, null where there is none.

    Args:
        status: the record's.
        account: whom the name service knows by that name.
    """
    suspension = status.suspension
    return {
        "user": status.account_name,
        "enrolled": True,
        "uid": status.uid,
        "account_uid": account.uid if account is not None else None,
        "created_s": status.created_s,
        "devices": [_device_json(each) for each in status.authenticators],
        "backup_codes_left": status.backup_codes_left,
        "backup_codes_created_s": status.backup_codes_created_s,
        "failures": {
            "codes": _failures_json(status.codes),
            "backup_codes": _failures_json(status.backup),
            "verify": _failures_json(status.verify),
        },
        "suspended": suspension is not None,
        "suspended_from_s": suspension.from_s if suspension is not None else None,
        "suspended_until_s": _end(suspension.until_s) if suspension is not None else None,
        "suspension_reason": suspension.reason if suspension is not None else None,
        "state_is_damaged": status.state_is_damaged,
    }


def _device_json(device: Authenticator) -> dict[str, object]:
    return {
        "id": device.authenticator_id,
        "name": device.name,
        "type": device.otp.type,
        "algorithm": device.otp.algorithm,
        "digits": device.otp.digits,
        "period_s": device.otp.period_s if device.otp.type == "totp" else None,
        "created_s": device.created_s,
    }


def _failures_json(failures: FailureStatus) -> dict[str, object]:
    until_s = failures.locked_until_s
    return {
        "count": failures.failures,
        "last_failure_s": failures.last_failure_s,
        "locked": until_s is not None,
        "locked_until_s": _end(until_s) if until_s is not None else None,
    }


def _end(until_s: int) -> int | None:
    return None if until_s == WITHOUT_END_S else until_s


def status_lines(status: AccountStatus, account: Account | None, now_s: int) -> list[str]:
    """Return a status for people.

    Args:
        status: the record's.
        account: whom the name service knows by that name.
        now_s: Unix seconds.
    """
    return [
        f"{label + ':':<{LABEL_WIDTH}}{text}".rstrip()
        for label, text in _rows(status, account, now_s)
    ]


def _rows(status: AccountStatus, account: Account | None, now_s: int) -> Iterator[tuple[str, str]]:
    yield _("Account"), printable(status.account_name)
    yield _("Enrolled"), _("since {time}").format(time=local_time(status.created_s))
    yield from _owner_rows(status, account)
    for device in status.authenticators:
        yield _("Device"), _device_text(device)
    yield _("Backup codes left"), _backup_text(status)
    yield _("Wrong codes in a row"), _failures_text(status.codes, now_s)
    yield _("Wrong backup codes"), _failures_text(status.backup, now_s)
    if status.verify.failures:
        yield _("Wrong codes by programs"), _failures_text(status.verify, now_s)
    suspension = status.suspension
    if suspension is None:
        yield _("Suspended"), _("no")
    else:
        yield _("Suspended"), _suspended_until(suspension.until_s, status.account_name)
        if suspension.reason:
            yield _("Reason"), printable(suspension.reason)
    if status.state_is_damaged:
        yield (
            _("State"),
            _("damaged; logins go on cautiously, backup codes must be made anew"),
        )


def _owner_rows(status: AccountStatus, account: Account | None) -> Iterator[tuple[str, str]]:
    user = printable(status.account_name)
    if account is None:
        yield (
            _("Owner"),
            _(
                "no such account on this host; `sudo pam-tfa rename {user} NEW` if it was renamed, "
                "else `sudo pam-tfa reset {user}`"
            ).format(user=user),
        )
    elif account.uid != status.uid:
        text = _(
            "enrolled as uid {old}, but the account has uid {new}: its logins are refused; "
            "`sudo pam-tfa rename {user} {user}` if it is the same person, else "
            "`sudo pam-tfa reset {user}`"
        )
        yield _("Owner"), text.format(old=status.uid, new=account.uid, user=user)


def _device_text(device: Authenticator) -> str:
    otp = device.otp
    digits = ngettext("{n} digit", "{n} digits", otp.digits).format(n=otp.digits)
    kind = f"{otp.type.upper()}, {otp.algorithm.upper()}, {digits}"
    if otp.type == "totp":
        kind += f", {otp.period_s} s"
    since = _("since {time}").format(time=local_time(device.created_s))
    return f"{device.name} ({kind}), {since}"


def _backup_text(status: AccountStatus) -> str:
    if status.backup_codes_left:
        return str(status.backup_codes_left)
    return _("0; `sudo pam-tfa backup-codes {user}` makes new ones").format(
        user=printable(status.account_name)
    )


def _failures_text(failures: FailureStatus, now_s: int) -> str:
    text = str(failures.failures)
    if failures.last_failure_s is not None:
        text += _(", the last at {time}").format(time=local_time(failures.last_failure_s))
    if failures.locked_until_s == WITHOUT_END_S:
        text += _("; locked until `sudo pam-tfa unlock`")
    elif failures.locked_until_s is not None:
        text += _("; locked until {time} ({span} from now)").format(
            time=local_time(failures.locked_until_s),
            span=duration(failures.locked_until_s - now_s),
        )
    return text


def _suspended_until(until_s: int, account_name: str) -> str:
    if until_s == WITHOUT_END_S:
        return _("until `sudo pam-tfa enable {user}`").format(user=printable(account_name))
    return _("until {time}").format(time=local_time(until_s))


def summary_line(status: AccountStatus, width: int) -> str:
    """Return an account's line in the list, its name padded to a width."""
    left = status.backup_codes_left
    parts = [
        ", ".join(f"{each.otp.type.upper()}" for each in status.authenticators),
        ngettext("{n} backup code", "{n} backup codes", left).format(n=left),
    ]
    if status.codes.locked_until_s is not None:
        parts.append(_("locked"))
    elif status.codes.failures:
        parts.append(
            ngettext("{n} wrong code", "{n} wrong codes", status.codes.failures).format(
                n=status.codes.failures
            )
        )
    if status.suspension is not None:
        parts.append(_("suspended"))
    if status.state_is_damaged:
        parts.append(_("state damaged"))
    return f"{printable(status.account_name):<{width}}  " + "  ".join(parts)
