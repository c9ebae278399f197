"""The rivals on models of a small checkpoint: each must read what stock FunASR reads, or its speed says nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import sentencepiece

from bench.calls import Load
from bench.checkpoint import BPE_MODEL, VadSizes, build_sense_voice, energy_detector_weights, write_vad
from bench.regions_load import RegionStore, cut_regions
from bench.regions_reader import Places, Readers, Reading, Way
from bench.regions_report import compare
from bench.rivals import SHERPA_ONNX, TOKENS, Rival, export_models, find_missing
from bench.stage import CALLSCOPE
from callscope.errors import ConfigurationFault
from callscope.settings import Settings
from workers.recogniser import load_recogniser

pytestmark = pytest.mark.integration

SPEECH_S = 25.0
RESAMPLED_S = 15.0
ALONE = Way(1, 1, 1)
"""One region after the other."""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """No bias to the blank, which a small network would never overcome."""
    folder = build_sense_voice(tmp_path_factory.mktemp("rivals") / "tiny")
    write_vad(folder / "vad", VadSizes(), energy_detector_weights())
    return Settings(
        checkpoint=str(folder), vad_checkpoint=str(folder / "vad"), cpu_threads=1, engine="torch", dtype="fp32"
    )


@pytest.fixture(scope="module")
def places(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Places:
    folder = tmp_path_factory.mktemp("places")
    with load_recogniser(settings) as recogniser:
        cut_regions(
            Load(folder / "calls", mean_ms=40_000),
            recogniser,
            settings,
            folder=folder / "regions",
            speech_s=SPEECH_S,
            resampled_s=RESAMPLED_S,
        )
    return Places(folder / "regions", folder / "models", folder / "logs")


@pytest.fixture(scope="module")
def exported(settings: Settings, places: Places) -> Places:
    """The same places with models, where the packages that make them are installed."""
    _skip_without(Rival.SHERPA_ONNX_FP32)
    told: list[str] = []
    models = [
        export_models(Path(settings.checkpoint), places.models, log=places.logs / "export.log", progress=told.append)
        for _ in range(2)
    ]
    assert models[0] == models[1]
    assert len(told) == 1  # the second time they were there
    return replace(places, models=models[0])


def read(kind: str, settings: Settings, places: Places, *, way: Way = ALONE, count: int = 0) -> Reading:
    numbers = range(count or len(RegionStore(places.regions).waves()))
    with Readers(kind, way, settings, places) as readers:
        return readers.read(numbers, tokens=True)


@pytest.fixture(scope="module")
def stock(settings: Settings, places: Places) -> Reading:
    return read(Rival.STOCK, settings, places)


def test_regions_are_kept_as_the_pipeline_asks_for_them(settings: Settings, places: Places) -> None:
    store = RegionStore(places.regions)
    clips, waves = store.clips(settings), store.waves()
    assert sum(region.duration_s for region in store.regions[:-1]) < SPEECH_S
    assert sum(region.duration_s for region in store.regions) >= SPEECH_S
    assert RESAMPLED_S <= sum(map(len, waves)) / 16_000 < SPEECH_S
    assert {clip.channel.sample_rate_hz for clip in clips} == {8_000}
    for clip, wave in zip(clips, waves, strict=False):
        own = clip.channel.samples[clip.interval.start_ms * 8 : clip.interval.end_ms * 8]
        # Every other sample is the channel's own.
        assert np.allclose(wave[::2] * 32_768, own, atol=0.5)


def test_the_export_is_what_each_rival_looks_for(settings: Settings, exported: Places) -> None:
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(Path(settings.checkpoint) / BPE_MODEL))
    for name in ("model.onnx", "model.int8.onnx"):
        model = onnx.load(str(exported.models / SHERPA_ONNX / name))
        told = {entry.key: entry.value for entry in model.metadata_props}
        assert told["model_type"] == "sense_voice_ctc"
        assert told["vocab_size"] == str(pieces.get_piece_size())
        assert (told["lfr_window_size"], told["lfr_window_shift"], told["normalize_samples"]) == ("7", "6", "0")
        assert {told[f"lang_{name}"] for name in ("auto", "zh", "en", "yue", "ja", "ko")} == {*"0347", "11", "12"}
        assert (told["with_itn"], told["without_itn"]) == ("14", "15")
        assert len(told["neg_mean"].split(",")) == len(told["inv_stddev"].split(",")) == 560
        assert float(told["neg_mean"].split(",")[1]) == pytest.approx(-8.005)
    lines = (exported.models / SHERPA_ONNX / TOKENS).read_text(encoding="utf-8").split("\n")[:-1]
    assert len(lines) == pieces.get_piece_size()


@pytest.mark.parametrize("exact", [Rival.SHERPA_ONNX_FP32, Rival.FUNASR_ONNX_FP32])
def test_in_fp32_a_rival_reads_what_stock_funasr_reads(
    exact: Rival, settings: Settings, exported: Places, stock: Reading
) -> None:
    _skip_without(exact)
    reading = read(exact, settings, exported)
    assert reading.engine == "onnx-fp32"
    agreement = compare(reading.tokens, stock.tokens, skipped=exact.skipped_tokens)
    assert (agreement.regions_equal, agreement.tokens_equal) == (1, 1)


@pytest.mark.parametrize("quantised", [Rival.SHERPA_ONNX_INT8, Rival.FUNASR_ONNX_INT8])
def test_in_int8_it_reads_nearly_the_same_however_it_is_set_up(
    quantised: Rival, settings: Settings, exported: Places, stock: Reading
) -> None:
    _skip_without(quantised)
    for way in (Way(1, 2, 4), Way(2, 1, 1)):
        reading = read(quantised, settings, exported, way=way)
        assert reading.engine == "onnx-int8"
        assert reading.wall_s > 0
        assert reading.peak_mb > 0
        agreement = compare(reading.tokens, stock.tokens, skipped=quantised.skipped_tokens)
        assert 0.7 < agreement.tokens_equal < 1


def test_callscope_reads_the_same_regions_from_the_calls(settings: Settings, places: Places, stock: Reading) -> None:
    everything = len(RegionStore(places.regions).regions)
    reading = read(CALLSCOPE, settings, places, way=Way(1, 1), count=everything)
    assert reading.engine == "torch-fp32"
    assert reading.padding is not None
    assert len(reading.tokens) == everything > len(stock.tokens)
    assert sum(map(len, stock.tokens)) > 10 * len(stock.tokens)
    assert reading.tokens[: len(stock.tokens)] == stock.tokens


def test_what_a_reader_says_before_it_ends_is_told(settings: Settings, places: Places) -> None:
    nowhere = settings.model_copy(update={"checkpoint": "/nowhere"})
    with pytest.raises(ConfigurationFault, match="callscope-torch-fp32-0 ended") as raised:
        read(CALLSCOPE, nowhere, places)
    assert "/nowhere" in raised.value.why


def test_an_export_that_fails_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    _skip_without(Rival.SHERPA_ONNX_FP32)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationFault, match="can't export") as raised:
        export_models(tmp_path / "empty", tmp_path / "models", log=tmp_path / "log", progress=lambda _: None)
    assert raised.value.why
    assert [path.suffix for path in (tmp_path / "models").iterdir()] == [".new"]


def _skip_without(rival: Rival) -> None:
    if missing := find_missing(rival, device="cpu"):
        pytest.skip(f"pip install {missing.package}")
