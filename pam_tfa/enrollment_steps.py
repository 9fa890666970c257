"""What an enrolment shows and asks on its way, and how it can end: values, no text."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from pam_tfa.core.attempt import Locked, Malformed, Refused
    from pam_tfa.core.otp_parameters import OtpParameters

Proof = Literal["current_code", "none"]
FirstCodeProblem = Literal["wrong", "not_a_code", "clock"]


class AskCurrentCode(NamedTuple):
    """Ask for a code of the enrolment that is to be replaced; send() the bytes, or None."""


class ShowKey(NamedTuple):
    """Show the new secret."""

    otpauth_uri: str
    secret: str
    otp: OtpParameters
    issuer_is_shortened: bool

    def __repr__(self) -> str:
        return "ShowKey(...)"


class AskFirstCode(NamedTuple):
    """Ask for a first code of the new secret; send() the bytes, or None at the end of input.

    Attributes:
        tries_left: this one included.
        problem: what was wrong with the one before.
        clock_ahead_s: with problem "clock", by how much the device's clock is ahead (about).
    """

    tries_left: int
    problem: FirstCodeProblem | None
    clock_ahead_s: int


class ShowBackupCodes(NamedTuple):
    """Show the backup codes; there is no second time."""

    codes: tuple[str, ...]

    def __repr__(self) -> str:
        return "ShowBackupCodes(...)"


class Enrolled(NamedTuple):
    """The record is durable."""

    replaced: bool
    ended_suspension: bool


class NotConfirmed(NamedTuple):
    """No good first code came; nothing was stored. problem is None where the input ended."""

    problem: FirstCodeProblem | None
    clock_ahead_s: int


class NotProven(NamedTuple):
    """The current code wasn't good, or was not given (None); the old enrolment stays."""

    decision: Refused | Locked | Malformed | None


class AlreadyEnrolled(NamedTuple):
    """There is an enrolment, and nobody here who could be asked for a code of it."""


class ChangedMeanwhile(NamedTuple):
    """Someone else changed the account's record while this enrolment ran; it was not stored."""


class Saved(NamedTuple):
    """The record is durable; send() None. The time to log it, before anything says so."""

    enrolled: Enrolled


Step = AskCurrentCode | ShowKey | AskFirstCode | ShowBackupCodes | Saved
EnrollmentOutcome = Enrolled | NotConfirmed | NotProven | AlreadyEnrolled | ChangedMeanwhile
Flow = Generator[Step, bytes | None, EnrollmentOutcome]
