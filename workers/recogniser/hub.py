"""Where a checkpoint's folder is: the demo's, one that was named, or one of the published ones, fetched once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from callscope.errors import CheckpointMissing

DEMO_FOLDER = Path(__file__).resolve().parents[2] / "checkpoints" / "demo"

PUBLISHED_RECOGNISER = "iic/SenseVoiceSmall"
PUBLISHED_VAD = "iic/speech_fsmn_vad_zh-cn-16k-common-pytorch"


@dataclass(frozen=True, slots=True)
class _Published:
    """A checkpoint on ModelScope's hub, the version that callscope was written against."""

    revision: str
    sha256: Mapping[str, str]
    """Of the files that decide a result. The recogniser's repository has no tags: its pin is these alone."""


_PUBLISHED: Mapping[str, _Published] = MappingProxyType(
    {
        PUBLISHED_RECOGNISER: _Published(
            revision="master",
            sha256={
                "model.pt": "833ca2dcfdf8ec91bd4f31cfac36d6124e0c459074d5e909aec9cabe6204a3ea",
                "am.mvn": "29b3c740a2c0cfc6b308126d31d7f265fa2be74f3bb095cd2f143ea970896ae5",
                "chn_jpn_yue_eng_ko_spectok.bpe.model": (
                    "aa87f86064c3730d799ddf7af3c04659151102cba548bce325cf06ba4da4e6a8"
                ),
            },
        ),
        PUBLISHED_VAD: _Published(
            revision="v2.0.4",
            sha256={"model.pt": "b3be75be477f0780277f3bae0fe489f48718f585f3a6e45d7dd1fbb1a4255fc5"},
        ),
    }
)


@dataclass(frozen=True, slots=True)
class CheckpointFolder:
    """A checkpoint's folder and what its files must be."""

    name: str
    """How results name it: the folder's name, or the published name's last part."""
    path: Path
    sha256: Mapping[str, str] = field(default_factory=dict)
    """By file name; a checkpoint from the hub is held to these, whatever its own SHA256SUMS says."""


def find_recogniser(name: str) -> CheckpointFolder:
    """
    Return the folder that a setting's value names.

    Parameters
    ----------
    name : str
        ``demo``, a published name (fetched from the hub when it isn't on this machine yet), or a folder's path.

    Raises
    ------
    CheckpointMissing
        There is no such folder, or the hub can't be reached.
    """
    return CheckpointFolder("demo", DEMO_FOLDER) if name == "demo" else _find(name)


def find_vad(name: str | None, *, recogniser: str) -> CheckpointFolder:
    """
    Return the folder of the speech detector that goes with a recogniser.

    Parameters
    ----------
    name : str, optional
        A published name or a folder's path; None: ``vad/`` in the recogniser's folder, or for a published
        recogniser the detector that was published with it.
    recogniser : str
        As for `find_recogniser`.

    Raises
    ------
    CheckpointMissing
        There is no such folder, or the hub can't be reached.
    """
    if name is not None:
        return _find(name)
    if recogniser in _PUBLISHED:
        return _find(PUBLISHED_VAD)
    path = find_recogniser(recogniser).path / "vad"
    if not path.is_dir():
        raise CheckpointMissing(
            f"the checkpoint {recogniser} has no speech detector of its own: there is no folder {path}",
            why=f"set CALLSCOPE_VAD_CHECKPOINT to an FSMN VAD folder, or to {PUBLISHED_VAD}",
        )
    return CheckpointFolder("vad", path)


def _find(name: str) -> CheckpointFolder:
    if name in _PUBLISHED:
        return _fetch(name, _PUBLISHED[name])
    path = Path(name).expanduser().resolve()
    if not path.is_dir():
        raise CheckpointMissing(
            f"there is no checkpoint folder {path}",
            why=f"a checkpoint is `demo`, a folder, or one of {', '.join(_PUBLISHED)}",
        )
    return CheckpointFolder(path.name, path)


def _fetch(name: str, published: _Published) -> CheckpointFolder:
    """Return the folder in this machine's cache; the hub is asked only for what isn't there."""
    try:
        # FunASR's own client of its hub: the one package here that a host with a local folder does without.
        from modelscope.hub.snapshot_download import snapshot_download  # type: ignore[import-untyped]  # noqa: PLC0415
        from modelscope_hub.errors import CacheNotFound, HubError  # noqa: PLC0415
    except ImportError as error:
        raise CheckpointMissing(
            f"{name} can't be fetched: FunASR's hub client isn't installed",
            why="pip install 'callscope[funasr]', or name a folder that holds the checkpoint",
        ) from error
    try:
        try:
            path = Path(snapshot_download(name, revision=published.revision, local_files_only=True))
        except CacheNotFound:
            path = Path(snapshot_download(name, revision=published.revision))
        if not all((path / file).is_file() for file in published.sha256):  # an earlier fetch was cut short
            path = Path(snapshot_download(name, revision=published.revision))
    except (HubError, OSError) as error:
        raise CheckpointMissing(
            f"{name} isn't on this machine, and the hub that it is fetched from once can't be reached",
            why=str(error),
        ) from error
    return CheckpointFolder(name.rpartition("/")[2], path, published.sha256)
