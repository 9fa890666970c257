"""Runs an enrolment flow: shows its steps on the terminal and sends back what was typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never, cast

from pam_tfa import enrollment_steps as steps
from pam_tfa.cli.enroll_text import explain_locked, first_code_hint, key_lines, write_codes
from pam_tfa.cli.failures import DONE, REFUSED, UNAVAILABLE, CommandError
from pam_tfa.cli.language import _
from pam_tfa.cli.printable import printable
from pam_tfa.cli.terminal import OutputError

if TYPE_CHECKING:
    from argparse import Namespace

    from pam_tfa.cli.context import Context
    from pam_tfa.dialogue import Account


class EnrollmentDriver:
    """Runs an enrolment flow: shows its steps, sends back what was typed."""

    def __init__(self, context: Context, account: Account, arguments: Namespace) -> None:
        self._context = context
        self._terminal = context.terminal
        self._account = account
        self._user = printable(account.name)
        self._json = bool(arguments.json)
        self._confirms = not arguments.no_confirm
        self._qr = arguments.qr or "auto"
        self._key: steps.ShowKey | None = None
        self._enrolled: steps.Enrolled | None = None

    def drive(self, flow: steps.Flow) -> steps.EnrollmentOutcome:
        """Run a flow to its end."""
        answer: bytes | None = None
        while True:
            try:
                step = flow.send(answer)
            except StopIteration as end:
                return cast("steps.EnrollmentOutcome", end.value)
            try:
                answer = self._take(step)
            except OutputError as error:
                flow.close()
                raise self._unseen(error) from None

    def conclude(self, outcome: steps.EnrollmentOutcome) -> int:
        """Say how it ended. Raises: CommandError for everything but success."""
        match outcome:
            case steps.Enrolled():
                return DONE
            case steps.NotConfirmed():
                raise self._not_confirmed(outcome)
            case steps.NotProven():
                raise self._not_proven(outcome)
            case steps.AlreadyEnrolled():
                raise CommandError(
                    REFUSED,
                    _("{user} is enrolled already.").format(user=self._user),
                    _("--replace puts a new secret in its place; the old one stops working."),
                )
            case steps.ChangedMeanwhile():
                raise CommandError(
                    REFUSED,
                    _("Someone else changed this account meanwhile; nothing was stored."),
                    _("What was shown here is not valid: run the command again."),
                )
            case _:
                assert_never(outcome)

    def _take(self, step: steps.Step) -> bytes | None:
        match step:
            case steps.ShowKey():
                self._key = step
                if not self._json:
                    self._terminal.show(
                        *key_lines(
                            self._terminal, step, self._user, self._qr, confirms=self._confirms
                        )
                    )
            case steps.AskCurrentCode():
                self._terminal.show(_("{user} is enrolled already.").format(user=self._user))
                return self._terminal.ask(_("Current code, or a backup code: "))
            case steps.AskFirstCode(problem=problem):
                if problem is not None:
                    self._terminal.show(*first_code_hint(step, self._digits()))
                return self._terminal.ask(_("First code from the app: "))
            case steps.ShowBackupCodes(codes=codes):
                self._show_codes(codes)
            case steps.Saved(enrolled=enrolled):
                self._saved(enrolled)
            case _:
                assert_never(step)
        return None

    def _digits(self) -> int:
        return self._key.otp.digits if self._key is not None else 6

    def _show_codes(self, codes: tuple[str, ...]) -> None:
        if not self._json:
            write_codes(self._terminal, codes)
        elif self._key is not None:
            otp = self._key.otp
            self._context.answer_json(
                {
                    "user": self._account.name,
                    "otpauth_uri": self._key.otpauth_uri,
                    "secret": self._key.secret,
                    "type": otp.type,
                    "algorithm": otp.algorithm,
                    "digits": otp.digits,
                    "period_s": otp.period_s if otp.type == "totp" else None,
                    "backup_codes": list(codes),
                }
            )

    def _saved(self, enrolled: steps.Enrolled) -> None:
        self._enrolled = enrolled
        self._context.log(
            "enroll",
            self._account.name,
            ("outcome", "success"),
            ("replaced", "yes" if enrolled.replaced else "no"),
            ("confirmed", "yes" if self._confirms else "no"),
        )
        if self._json:
            return
        lines = [_("{user} is enrolled: the next login asks for a code.").format(user=self._user)]
        if enrolled.replaced:
            lines.append(_("The secret and backup codes from before no longer work."))
        if enrolled.ended_suspension:
            lines.append(_("The suspension of the account has ended."))
        self._terminal.show(*lines)

    def _unseen(self, error: OutputError) -> CommandError:
        """Explain what an output that can't be written to means for the enrolment."""
        if self._enrolled is None:
            return CommandError(
                UNAVAILABLE,
                _("The output can't be written: {reason}; nothing was stored.").format(
                    reason=error.reason
                ),
            )
        return CommandError(
            UNAVAILABLE,
            _("{user} is enrolled, but the output can't be written: {reason}.").format(
                user=self._user, reason=error.reason
            ),
            _("`sudo pam-tfa backup-codes {user}` makes and shows new backup codes.").format(
                user=self._user
            ),
        )

    def _not_confirmed(self, outcome: steps.NotConfirmed) -> CommandError:
        if outcome.problem is None:
            return CommandError(
                REFUSED,
                _("No code was given, so nothing was stored."),
                _("The secret that was shown is not valid; run the command again."),
            )
        return CommandError(
            REFUSED,
            _("No code was right, so nothing was stored."),
            _(
                "The secret that was shown is not valid: delete it from the app, set the clocks "
                "of phone and host, and run the command again."
            ),
        )

    def _not_proven(self, outcome: steps.NotProven) -> CommandError:
        decision = outcome.decision
        reason = "no_code" if decision is None else getattr(decision, "reason", "locked")
        self._context.log("enroll", self._account.name, ("outcome", "refused"), ("reason", reason))
        locked = explain_locked(decision)
        return CommandError(
            REFUSED,
            locked or _("That code is not good; the enrolment stays as it is."),
            _(
                "Wait for the next code and try again, use a backup code, or replace the "
                "enrolment without one: `sudo pam-tfa enroll {user} --replace`."
            ).format(user=self._user),
        )
