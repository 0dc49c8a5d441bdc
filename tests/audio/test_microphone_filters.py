"""Simulated microphones do what their parts say: measured from outside, with tones and silence."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_asc.audio.microphones.choice import first_microphones, parse_microphones
from edge_asc.audio.microphones.families import FAMILIES, Family, Noise
from edge_asc.audio.microphones.filters import SimulatedMicrophone, decibels, noise_of
from edge_asc.audio.microphones.response import Bell, Response, convolve, minimum_phase

RATES_HZ = (16000, 44100)
# A response of 0.1 s is cut off there; a resonance at 200 Hz has rung out long before.
RESPONSE_TOLERANCE_DB = 0.1
AUDIBLE_DB = -50.0  # below, 0.1 dB is less than the cepstrum's own error
# Half a last digit of float32, from rounding what was clipped in float64.
ROUNDING = 1 + 2**-24

# Low-pass edge in Hz and noise in dBFS; the first samples of noise.
PUBLISHED = {
    "seen-0": (8349.083, -56.20395),
    "unseen-0": (8487.513, -70.74224),
    "unseen-1": (5329.294, -74.87896),
    "unseen-2": (9502.331, -62.8454),
}
NOISE = [-1.2867408064, -1.3829424536, 0.2328526266, 0.6144492831]

names = st.tuples(st.sampled_from(sorted(FAMILIES)), st.integers(0, 200))


def silent(microphone: SimulatedMicrophone) -> SimulatedMicrophone:
    """The microphone without noise and with a clip level that nothing reaches."""
    quiet = Noise(level_db=-300.0, slope_db=0.0)
    return replace(
        microphone, parts=replace(microphone.parts, noise=quiet, clip_db=120.0, soft=False)
    )


def sweep(rate_hz: int, low_hz: float, high_hz: float, seconds: float) -> np.ndarray:
    """Sine whose frequency rises evenly in octaves."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    octaves = math.log(high_hz / low_hz)
    return np.sin(2 * np.pi * low_hz * seconds / octaves * np.expm1(t / seconds * octaves))


@settings(max_examples=12)
@given(names, st.sampled_from(RATES_HZ))
def test_a_sine_sweep_comes_out_with_the_gains_asked_for(
    name: tuple[str, int], rate_hz: int
) -> None:
    microphone = silent(SimulatedMicrophone.from_seed(*name))
    played = np.pad(sweep(rate_hz, 20, 0.49 * rate_hz, 2.0), (0, rate_hz // 5))
    heard = microphone.hear(played, rate_hz)
    frequencies_hz = np.fft.rfftfreq(len(played), 1 / rate_hz)
    inside = (frequencies_hz > 40) & (frequencies_hz < 0.45 * rate_hz)
    gain = np.abs(np.fft.rfft(heard) / np.fft.rfft(played))[inside]
    asked_db = microphone.parts.response.gains_db(frequencies_hz[inside]) + microphone.parts.gain_db
    audible = asked_db > AUDIBLE_DB
    found_db = 20 * np.log10(gain[audible])
    np.testing.assert_allclose(found_db, asked_db[audible], atol=RESPONSE_TOLERANCE_DB)


@settings(max_examples=20)
@given(names)
def test_the_band_ends_where_it_says(name: tuple[str, int]) -> None:
    """Of the edges alone: -3 dB at each, and 6 dB per octave and order an octave outside."""
    response = SimulatedMicrophone.from_seed(*name).parts.response
    edges = replace(response, bells=(), slope_db=0.0, echo_share=0.0)
    low, high = edges.high_pass_hz, edges.low_pass_hz
    middle_db = edges.gains_db([math.sqrt(low * high)])[0]
    assert middle_db == pytest.approx(0, abs=0.5)
    assert edges.gains_db([low, high]) == pytest.approx(10 * math.log10(0.5), abs=0.1)
    outside_db = edges.gains_db([low / 4, high * 4])
    orders = np.array([edges.high_pass_order, edges.low_pass_order])
    assert outside_db == pytest.approx(np.maximum(-20 * math.log10(4) * orders, -80), abs=0.3)


@settings(max_examples=20)
@given(names, st.floats(0.01, 100), st.integers(0, 1000))
def test_nothing_is_louder_than_the_clip_level(
    name: tuple[str, int], loudness: float, seed: int
) -> None:
    microphone = SimulatedMicrophone.from_seed(*name)
    audio = loudness * np.random.default_rng(seed).standard_normal(4000)
    heard = microphone.hear(audio, 16000)
    assert heard.dtype == np.float32
    assert len(heard) == len(audio)
    assert np.abs(heard).max() <= microphone.clip_level * ROUNDING


def test_what_is_far_too_loud_reaches_the_clip_level() -> None:
    for microphone in parse_microphones("seen:3,unseen:3"):
        heard = microphone.hear(1000 * sweep(16000, 500, 2000, 0.5), 16000)
        assert np.abs(heard).max() == pytest.approx(microphone.clip_level, rel=1e-6)


@settings(max_examples=20)
@given(names, st.sampled_from(RATES_HZ), st.integers(200, 40000))
def test_silence_is_heard_as_noise_of_the_microphones_level(
    name: tuple[str, int], rate_hz: int, n: int
) -> None:
    microphone = SimulatedMicrophone.from_seed(*name)
    heard = microphone.hear(np.zeros(n), rate_hz).astype(np.float64)
    level_db = 20 * np.log10(np.sqrt(np.mean(heard**2)))
    assert level_db == pytest.approx(microphone.parts.noise.level_db, abs=0.05)


@pytest.mark.parametrize("slope_db", [-5.0, -3.0, 0.0, 2.0])
def test_noise_has_its_colour(slope_db: float) -> None:
    """Power in bands an octave apart differs by the slope and by twice the width, 3 dB."""
    spectrum = np.fft.rfft(noise_of(Noise(-60.0, slope_db), 1 << 18, 32000, "colour"))
    hz = np.fft.rfftfreq(1 << 18, 1 / 32000)
    bands = [500 * 2**k for k in range(4)]
    power_db = [
        10 * np.log10((np.abs(spectrum[(hz >= low) & (hz < 2 * low)]) ** 2).sum()) for low in bands
    ]
    assert np.diff(power_db) == pytest.approx(slope_db + 10 * math.log10(2), abs=0.5)


def test_hum_is_a_line_at_the_mains() -> None:
    rate_hz = 16000
    noise = noise_of(Noise(-60.0, -3.0, hum_hz=50.0), 10 * rate_hz, rate_hz, "hum")
    power = np.abs(np.fft.rfft(noise)) ** 2
    assert power[500] > 100 * np.median(power[400:600])  # 50 Hz, in steps of 0.1 Hz


@settings(max_examples=10)
@given(names, st.integers(0, 1000))
def test_the_same_microphone_hears_the_same(name: tuple[str, int], seed: int) -> None:
    audio = 0.1 * np.random.default_rng(seed).standard_normal(2000)
    one, other = (SimulatedMicrophone.from_seed(*name) for _ in range(2))
    assert np.array_equal(one.hear(audio, 16000, "a"), other.hear(audio, 16000, "a"))
    assert not np.array_equal(one.hear(audio, 16000, "a"), other.hear(audio, 16000, "b"))


def test_microphones_are_the_same_on_every_machine() -> None:
    """Numbers of the first microphone of each family, as they were when results were published."""
    found = {
        microphone.name: (microphone.parts.response.low_pass_hz, microphone.parts.noise.level_db)
        for microphone in parse_microphones("seen-0,unseen:3")
    }
    assert found == {name: pytest.approx(pair) for name, pair in PUBLISHED.items()}
    noise = noise_of(Noise(0.0, 0.0), 4, 16000, "bits")
    assert noise == pytest.approx(NOISE, abs=1e-9)


def test_the_sets_are_disjoint() -> None:
    families = [{family.name for family in FAMILIES[which]} for which in ("seen", "unseen")]
    assert not families[0] & families[1]
    seen, unseen = first_microphones("seen", 100), first_microphones("unseen", 100)
    parts = [microphone.parts for microphone in seen + unseen]
    assert len(set(parts)) == len(parts)
    numbers = [{p.noise.level_db for p in some} for some in (parts[:100], parts[100:])]
    assert not numbers[0] & numbers[1]
    assert {d.parts.family for d in unseen[:3]} == families[1]


@settings(max_examples=40)
@given(names)
def test_parts_lie_within_their_family(name: tuple[str, int]) -> None:
    parts = SimulatedMicrophone.from_seed(*name).parts
    (family,) = (f for f in FAMILIES[name[0]] if f.name == parts.family)
    r = parts.response
    pairs = {
        "high_pass_hz": r.high_pass_hz,
        "low_pass_hz": r.low_pass_hz,
        "slope_db": r.slope_db,
        "echo_ms": r.echo_ms,
        "echo_share": r.echo_share,
        "gain_db": parts.gain_db,
        "noise_db": parts.noise.level_db,
        "noise_slope_db": parts.noise.slope_db,
        "clip_db": parts.clip_db,
    }
    for limits, value in pairs.items():
        assert within(family, limits, value), limits
    for bell in r.bells:
        assert within(family, "bell_hz", bell.centre_hz)
        assert within(family, "bell_db", bell.gain_db)
        assert within(family, "bell_octaves", bell.width_octaves)
    assert len(r.bells) in family.bells


def within(family: Family, limits: str, value: float) -> bool:
    low, high = getattr(family, limits)
    return low - 1e-9 <= value <= high * (1 + 1e-12) + 1e-9


def test_no_sound_is_heard_before_it_is_made() -> None:
    """Minimum phase: of all filters with these gains, the energy comes first."""
    (microphone,) = (silent(d) for d in parse_microphones("unseen-0"))
    click = np.zeros(1000)
    click[500] = 1.0
    heard = microphone.hear(click, 16000)
    assert np.abs(heard[:500]).max() < 1e-6
    symmetric = np.convolve([1.0, 0.5], [0.5, 1.0])  # same gains as [1, 0.5] twice
    gains_db = 20 * np.log10(np.abs(np.fft.rfft(symmetric, 1024)))
    early = minimum_phase(gains_db, 1024)
    assert early[:3] == pytest.approx(np.convolve([1.0, 0.5], [1.0, 0.5]), abs=1e-9)


@settings(max_examples=20)
@given(st.integers(1, 300), st.integers(1, 100), st.integers(0, 1000))
def test_convolution_is_numpys(n: int, taps: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    audio, impulse = rng.standard_normal(n), rng.standard_normal(taps)
    expected = np.convolve(audio, impulse)[:n]
    np.testing.assert_allclose(convolve(audio, impulse), expected, atol=1e-9)


def test_gain_is_the_level_in_the_middle_of_the_band() -> None:
    """A tone comes out louder by the response there and the gain."""
    microphone = silent(SimulatedMicrophone.from_seed("seen", 1))
    tone = 0.01 * np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    heard = microphone.hear(tone, 16000)[8000:]  # steady by then
    gain_db = microphone.parts.gain_db + microphone.parts.response.gains_db([1000.0])[0]
    assert np.abs(heard).max() == pytest.approx(0.01 * decibels(gain_db), rel=0.01)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seen:2", ["seen-0", "seen-1"]),
        ("clean, unseen:1", ["unseen-0"]),
        ("unseen-7,seen-3,clean", ["unseen-7", "seen-3"]),
        ("clean", []),
    ],
)
def test_lists_of_microphones(text: str, expected: list[str]) -> None:
    assert [microphone.name for microphone in parse_microphones(text)] == expected


@pytest.mark.parametrize(
    "text", ["", "seen", "seen:0", "seen:-1", "seen:101", "heard:3", "seen:2,seen-1", "seen-10000"]
)
def test_other_lists_are_refused_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"seen|unseen") as error:
        parse_microphones(text)
    assert "\n" not in str(error.value)


def test_parts_of_a_response_have_the_gains_of_the_textbook() -> None:
    flat = Response(1e-3, 1, 1e9, 1)
    comb = replace(flat, echo_ms=0.5, echo_share=0.5)  # in step at 2 kHz, against it at 1 kHz
    assert comb.gains_db([2000, 1000]) == pytest.approx([3.522, -6.021], abs=0.001)
    slope = replace(flat, slope_db=-2.0)
    assert slope.gains_db([500, 1000, 4000]) == pytest.approx([2, 0, -4], abs=0.001)
    bell = replace(flat, bells=(Bell(1000, 6.0, 0.5),))  # an octave away: two deviations
    assert bell.gains_db([1000, 2000]) == pytest.approx([6, 6 * math.exp(-2)], abs=0.001)
