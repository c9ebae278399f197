"""
Every error that callscope names, under one root.

What happens to a recording is decided by type alone:

- `PermanentFailure`: the recording can never be analysed; it is dead at once, under the error's code.
- `AttemptFailed`: this attempt went wrong; it counts, and the recording is dead after the last one.
- `Outage`: something around the recording is away; the attempt does not count and is made again later.

Everything else (`UsageError`, `ConfigurationFault`) is told to the person at the terminal.
"""

from __future__ import annotations

from typing import ClassVar


class CallscopeError(Exception):
    """
    Root of all named errors: what happened, why, and what to do.

    Parameters
    ----------
    what : str
        The fact, with the values that matter (key, codec, limit).
    why : str
        The cause as far as it is known; empty when the fact says it all.
    """

    code: ClassVar[str] = "error"
    advice: ClassVar[str] = "Run the command again with CALLSCOPE_LOG_LEVEL=debug and read the last lines."

    def __init__(self, what: str, *, why: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why


def advice_for(code: str | None) -> str:
    """Return what to do about a failure that is known by its code alone; empty for an unknown one."""
    kinds = [CallscopeError]
    for kind in kinds:
        if code == kind.code:
            return kind.advice
        kinds += kind.__subclasses__()
    return ""


# --- told to the person at the terminal -------------------------------------------------------------------------


class UsageError(CallscopeError):
    """The command was called with words that don't fit."""

    code = "usage"
    advice = "See the command's --help for an example."


class NotStored(CallscopeError):
    """What was asked for isn't in the database."""

    code = "not_stored"
    advice = "Look for it in the view call_summary, or with `callscope export recordings`."


class ConfigurationFault(CallscopeError):
    """The surroundings as configured can't work; nothing was consumed."""

    code = "configuration"
    advice = "Correct the named setting; `callscope doctor` lists them all."


class InvalidSetting(ConfigurationFault):
    """A setting's value can't be used."""

    code = "invalid_setting"


class CheckpointMissing(ConfigurationFault):
    """The checkpoint folder or one of its files isn't there."""

    code = "checkpoint_missing"
    advice = "Point CALLSCOPE_CHECKPOINT at a FunASR checkpoint folder, or fetch it once on a machine with network."


class CheckpointInvalid(ConfigurationFault):
    """The checkpoint was read but isn't what it must be: class, shapes, or checksum."""

    code = "checkpoint_invalid"
    advice = "Fetch the checkpoint again; its files are damaged or of another model."


class DeviceMissing(ConfigurationFault):
    """The device that was asked for isn't on this machine."""

    code = "device_missing"
    advice = "Name a device that is there, or `cpu`."


class StateFolderInUse(ConfigurationFault):
    """Another launcher runs its servers on this state folder."""

    code = "state_folder_in_use"
    advice = "Stop the other launcher, or give this one a folder of its own with CALLSCOPE_STATE_FOLDER."


class ServerMissing(ConfigurationFault):
    """A server that one machine needs could not be found or started."""

    code = "server_missing"
    advice = "Install the package that the message names, or give the URL of a running server."


class SchemaOutdated(ConfigurationFault):
    """The database's schema is older than this version of callscope, or it has none."""

    code = "schema_outdated"
    advice = "Run `callscope db upgrade`."


class RulesInvalid(ConfigurationFault):
    """A file of rules can't be used; the message names file, line and what is wrong."""

    code = "rules_invalid"
    advice = (
        "Correct the line; `callscope rules check FOLDER` lists every mistake, and a running cluster keeps its rules."
    )


class TargetsInvalid(ConfigurationFault):
    """The file of receivers can't be used."""

    code = "targets_invalid"
    advice = "Correct the file that CALLSCOPE_TARGETS_FILE names; docs/notifications.md shows one."


# --- the recording can never be analysed --------------------------------------------------------------------------


class PermanentFailure(CallscopeError):
    """The recording can never be analysed as it is."""

    code = "permanent"
    advice = "Correct the recording at its source and upload it again: a new version is analysed by itself."


class EmptyObject(PermanentFailure):
    """The object has no bytes."""

    code = "empty_object"
    advice = "Check the telephony system's upload; a new version of the object is analysed by itself."


class Undecodable(PermanentFailure):
    """The bytes are no audio that a decoder knows."""

    code = "undecodable"


class UnsupportedCodec(PermanentFailure):
    """The container was read, but its codec has no decoder here."""

    code = "unsupported_codec"
    advice = "Record as G.711, PCM, FLAC, MP3, AAC, AMR, Opus, G.722, G.726, GSM or Speex."


class EmptyAudio(PermanentFailure):
    """A well-formed file with no sound in it: a header alone, or less than one frame."""

    code = "empty_audio"


class SampleRateOutOfRange(PermanentFailure):
    """The declared sample rate is no telephone's or microphone's."""

    code = "sample_rate_out_of_range"


class TooManyChannels(PermanentFailure):
    """More channels than a call has parties."""

    code = "too_many_channels"


class InvalidSamples(PermanentFailure):
    """Samples that are not numbers, or infinite."""

    code = "invalid_samples"


class TooLong(PermanentFailure):
    """Longer than the duration cap."""

    code = "too_long"
    advice = "Raise CALLSCOPE_MAX_DURATION_MS if calls of this length are meant."


# --- this attempt went wrong ----------------------------------------------------------------------------------------


class AttemptFailed(CallscopeError):
    """One attempt went wrong for a reason that may lie in the recording; it counts."""

    code = "attempt_failed"
    advice = "Read the attempt log (`callscope dead list --json`), then `callscope dead replay`."


class IncompleteDownload(AttemptFailed):
    """The bytes that arrived aren't the bytes that were announced."""

    code = "incomplete_download"
    advice = "Compare the object's size and checksum in the store; upload it again if they are wrong there."


class RecogniserFailed(AttemptFailed):
    """The recogniser raised on this recording."""

    code = "recogniser_failed"


class OutOfDeviceMemory(RecogniserFailed):
    """A single region of the recording doesn't fit into the device's memory."""

    code = "out_of_device_memory"
    advice = "Free the device for callscope alone, or use one with more memory."


class DeviceLost(AttemptFailed):
    """The device failed in a way that only a new process recovers from; attempts that were at it count."""

    code = "device_lost"
    advice = "The worker starts anew by itself; if this comes back, read the device's own log (`dmesg`, `nvidia-smi`)."


class AttemptLost(AttemptFailed):
    """A worker took the recording and was never heard of again: it was killed, or its host is gone."""

    code = "attempt_lost"


class InvalidResult(AttemptFailed):
    """The tables refuse a result: a probability outside [0, 1], a time that runs backward."""

    code = "invalid_result"
    advice = "Report this with the recording's key: the pipeline made what the schema rules out."


class UnknownSchemaVersion(AttemptFailed):
    """A message was written by a version of callscope that this one can't read."""

    code = "unknown_schema_version"
    advice = "Upgrade the writers before the workers."


# --- something around the recording is away ---------------------------------------------------------------------------


class Outage(CallscopeError):
    """Something around the recording is away for now; the attempt doesn't count and is made again."""

    code = "outage"
    advice = "Nothing is lost. Bring the service back; the work goes on by itself."


class StorageUnavailable(Outage):
    """The object store doesn't answer, or answers with a fault of its own."""

    code = "storage_unavailable"


class BrokerUnavailable(Outage):
    """Redis doesn't answer."""

    code = "broker_unavailable"


class DatabaseUnavailable(Outage):
    """Postgres doesn't answer."""

    code = "database_unavailable"


# --- the object is not (or no longer) what the ledger says ------------------------------------------------------------


class ObjectGone(CallscopeError):
    """The object was deleted, or replaced by a newer version, before it was analysed: skipped, never an error."""

    code = "object_gone"
    advice = "Nothing to do: the newer version has a row of its own."


class ObjectTooLarge(CallscopeError):
    """The object is larger than what it should hold can be."""

    code = "object_too_large"
    advice = "Look at the object: it isn't what its name says."


# --- told to whoever called the HTTP API ------------------------------------------------------------------------------


class RequestRefused(CallscopeError):
    """A request to the API can't be served as it is."""

    code = "request_refused"
    advice = "Correct the request; docs/api.md shows one of each kind."


class NotSignedIn(RequestRefused):
    """The request names nobody: it has no key, or one that isn't valid."""

    code = "not_signed_in"
    advice = "Send `Authorization: Bearer KEY`, or sign in; `callscope keys create` makes a key."


class NotAllowed(RequestRefused):
    """The key is valid, but may not do this."""

    code = "not_allowed"
    advice = "Use a key with the scope that the message names; `callscope keys create --scope` makes one."


class AnalysisFailed(RequestRefused):
    """The recording was taken, and can't be analysed."""

    code = "analysis_failed"
    advice = "Correct the recording; what is wrong with it stands in the message."


class NotReady(RequestRefused):
    """The recording was taken, and isn't analysed yet."""

    code = "not_ready"
    advice = "Nothing is lost: look at `/v1/recordings/{id}` later, and at `callscope doctor` if it doesn't end."


class LinkInvalid(RequestRefused):
    """A signed link wasn't made here, or for something else."""

    code = "link_invalid"
    advice = "Copy the whole link again from the call's page."


class LinkExpired(RequestRefused):
    """A signed link's time is over."""

    code = "link_expired"
    advice = "Make a new link on the call's page."


class TooManyRequests(RequestRefused):
    """The key has made as many requests as it may for now."""

    code = "too_many_requests"
    advice = "Wait as long as `Retry-After` says; CALLSCOPE_API_RATE sets the limit."

    def __init__(self, what: str, *, why: str = "", retry_after_s: int) -> None:
        super().__init__(what, why=why)
        self.headers = {"Retry-After": str(retry_after_s)}


class IdempotencyConflict(RequestRefused):
    """An idempotency key came before with another request."""

    code = "idempotency_conflict"
    advice = "Give each request an idempotency key of its own, and the same one only to its repetition."


class UnknownLanguage(RequestRefused):
    """The language isn't one that the recogniser knows."""

    code = "unknown_language"
    advice = "Name zh, yue, en, ja or ko, or leave the language out: then it is recognised."


class ForeignOrigin(RequestRefused):
    """A page of another site sent the request, or it asks for a host that isn't served."""

    code = "foreign_origin"
    advice = "Open the pages under their own address, or name it in CALLSCOPE_API_HOSTS."


class BodyTooLarge(RequestRefused):
    """The request's body is larger than what is taken."""

    code = "body_too_large"
    advice = "Raise CALLSCOPE_MAX_UPLOAD_BYTES, or put the recording into the bucket itself."


# --- a message to others ----------------------------------------------------------------------------------------------


class NotDelivered(CallscopeError):
    """The receiver didn't take a message this time; it is sent again later."""

    code = "not_delivered"
    advice = "Nothing is lost: it is sent again, and given up after a day. Look at the receiver."


class NotTranslated(CallscopeError):
    """The translation endpoint gave no translation; the message goes out without one."""

    code = "not_translated"
    advice = "Look at the endpoint that CALLSCOPE_TRANSLATOR_URL names."


class Undeliverable(CallscopeError):
    """A message can't reach its receiver as things are; it is given up at once."""

    code = "undeliverable"
    advice = "Correct the cause, then `callscope outbox replay`."


class UnknownTarget(Undeliverable):
    """No receiver has this name."""

    code = "unknown_target"
    advice = "Name it in the file that CALLSCOPE_TARGETS_FILE names, then `callscope outbox replay`."


class ReceiverGone(Undeliverable):
    """The receiver wants no more messages (410)."""

    code = "receiver_gone"


class AddressNotPublic(Undeliverable):
    """A webhook leads into a private network, and its target doesn't allow that."""

    code = "address_not_public"
    advice = "Set `allow_private: true` for the target if this is meant, then `callscope outbox replay`."


class MailRefused(Undeliverable):
    """The mail server refuses the mail for good (5xx)."""

    code = "mail_refused"


# --- programming contracts of pure code -------------------------------------------------------------------------------


class RegionOutsideRecording(CallscopeError):
    """A region ends after the recording does."""

    code = "region_outside_recording"
    advice = "Report this: regions and duration come from the same samples."
