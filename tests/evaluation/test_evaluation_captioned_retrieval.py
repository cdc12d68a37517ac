"""Recordings and captions find each other, and flipped captions do not."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tone_files import Deaf, FileEar, Same, write_tones

from chronoclap.data.clips import CaptionedClip
from chronoclap.errors import DataError
from chronoclap.evaluation.rows import Row
from chronoclap.evaluation.tasks.captioned_retrieval import evaluate, read_dtu, read_retrieval_clips

ORDERS = (("cat", "dog"), ("rain", "bell"), ("saw", "train"), ("dog", "whistle"))
TURNED = (("bell", "rain"), ("train", "saw"))
DIRECTIONS = ("text_to_audio", "audio_to_text")


def by_metric(rows: list[Row]) -> dict[str, Row]:
    assert {(row.task, row.slice) for row in rows} == {("captioned_retrieval", "all")}
    return {row.metric: row for row in rows}


def values(rows: list[Row], *metrics: str) -> list[float]:
    found = by_metric(rows)
    return [found[metric].value for metric in metrics]


@pytest.fixture
def clips(tmp_path: Path) -> list[CaptionedClip]:
    """Six recordings: two pairs in both orders; three captions of the first, two of the others."""
    found = []
    for number, (a, b) in enumerate((*ORDERS, *TURNED)):
        path = str(tmp_path / f"{number}.wav")
        write_tones(Path(path), a, b)
        for text, false in (
            (f"A {a} followed by a {b}", f"A {b} followed by a {a}"),
            (f"{b} after {a}", f"{a} after {b}"),
        ):
            found.append(CaptionedClip(text, path, str(number), "test", (false,)))
        if not number:
            found.append(CaptionedClip(f"{a} before {b}", path, str(number), "test", ()))
    return found


def test_a_perfect_model_finds_everything_and_nothing_flipped(clips: list[CaptionedClip]) -> None:
    rows = evaluate(FileEar(), clips)
    assert [row.metric for row in rows] == [
        *(f"{way}_{name}" for way in DIRECTIONS for name in ("r1", "r5", "r10", "map10", "map16", "medr")),
        *(f"text_to_audio_r{k}_{name}" for k in (1, 5, 10) for name in ("original", "flipped", "drop")),
    ]
    names = [f"{way}_{name}" for way in DIRECTIONS for name in ("r1", "map10", "map16", "medr")]
    assert values(rows, *names) == [1.0] * 8
    # The four recordings in both orders are those that flipped captions find instead.
    assert values(rows, *(f"text_to_audio_r1_{n}" for n in ("original", "flipped", "drop"))) == [
        1.0,
        0.0,
        1.0,
    ]
    found = by_metric(rows)
    assert [found[f"{way}_r1"].n for way in DIRECTIONS] == [13, 6]
    assert found["text_to_audio_r1_drop"].n == 12  # one caption has no flip
    for name in ("", "_original", "_flipped"):
        assert found[f"text_to_audio_r1{name}"].chance == pytest.approx(1 / 6)
    assert found["text_to_audio_r1_drop"].chance == 0.0
    assert found["text_to_audio_medr"].chance == 3.0
    # Of 13 captions 3 are right once and 2 five times.
    assert found["audio_to_text_r1"].chance == pytest.approx((3 + 5 * 2) / 6 / 13)


def test_a_model_blind_to_order_does_not_drop(clips: list[CaptionedClip]) -> None:
    rows = evaluate(FileEar(blind=True), clips)
    # It finds the two recordings that are in one order alone; the others tie with their turned ones.
    assert values(rows, "text_to_audio_r1", "text_to_audio_r1_original", "text_to_audio_r1_flipped") == [
        pytest.approx(5 / 13),
        pytest.approx(4 / 12),
        pytest.approx(4 / 12),
    ]
    drop = by_metric(rows)["text_to_audio_r1_drop"]
    assert (drop.value, drop.low, drop.high) == (0.0, 0.0, 0.0)
    assert values(rows, "text_to_audio_medr") == [2.0]


def test_a_model_that_takes_all_orders_for_their_contrary_rises(clips: list[CaptionedClip]) -> None:
    rows = evaluate(FileEar(swapped=True), clips)
    assert values(rows, "text_to_audio_r1_flipped", "text_to_audio_r1_drop") == [1.0, -1.0]


@pytest.mark.parametrize("model", [Deaf(), Same()])
def test_deaf_and_collapsed_models_find_nothing(model: FileEar, clips: list[CaptionedClip]) -> None:
    rows = evaluate(model, clips)
    names = ("r1", "r5", "r1_original", "r1_flipped", "r1_drop")
    assert values(rows, *(f"text_to_audio_{name}" for name in names)) == [0.0] * 5
    assert values(rows, "text_to_audio_medr") == [6.0]
    assert values(rows, "audio_to_text_r1", "audio_to_text_r5") == [0.0, 0.0]


def test_random_models_are_at_chance() -> None:
    generator = np.random.default_rng(0)

    class Random(FileEar):
        def embed_audio(self, items, **_):  # type: ignore[no-untyped-def]
            return generator.standard_normal((len(list(items)), 100)).astype(np.float32)

        def embed_text(self, texts):  # type: ignore[no-untyped-def]
            return generator.standard_normal((len(texts), 100)).astype(np.float32)

    off: dict[str, list[float]] = {}
    for _ in range(16):
        clips = [
            CaptionedClip(f"{n} {k}", str(n), str(n), "test", (f"not {n} {k}",))
            for n, count in enumerate(generator.integers(1, 6, 30))
            for k in range(count)
        ]
        for row in evaluate(Random(), clips):
            off.setdefault(row.metric, []).append(row.value - row.chance)
    for metric, several in off.items():
        # A median lies between two ranks, and its chance is the lower one.
        slack = 1.0 if metric.endswith("medr") else 0.0
        assert abs(np.mean(several)) < slack + 4 * np.std(several) / 16**0.5, metric


def test_equal_captions_of_two_recordings_are_one_candidate(tmp_path: Path) -> None:
    for name, tones in (("a", ("cat", "dog")), ("b", ("cat", "dog")), ("c", ("rain", "saw"))):
        write_tones(tmp_path / f"{name}.wav", *tones)
    table = tmp_path / "clips.jsonl"
    said = {"a": "cat followed by dog", "b": "cat followed by dog", "c": "rain followed by saw"}
    lines = [{"path": f"{n}.wav", "caption": text, "split": "test"} for n, text in said.items()]
    table.write_text("\n".join(map(json.dumps, lines)))
    rows = evaluate(FileEar(), read_retrieval_clips(str(table), "test"))
    # A text cannot tell the two apart, and goes behind; but either of them is told by its text.
    assert values(rows, "text_to_audio_r1", "audio_to_text_r1", "audio_to_text_map10") == [
        pytest.approx(1 / 3),
        1.0,
        1.0,
    ]
    assert not any("flipped" in row.metric for row in rows)


def test_several_contradictions_count_as_one_query(tmp_path: Path) -> None:
    paths = [str(tmp_path / f"{name}.wav") for name in "ab"]
    write_tones(Path(paths[0]), "cat", "dog")
    write_tones(Path(paths[1]), "dog", "cat")
    both = ("dog followed by cat", "cat preceded by dog", "cat followed by dog")  # the last is none
    clips = [
        CaptionedClip("cat followed by dog", paths[0], "", "test", both),
        CaptionedClip("dog followed by cat", paths[1], "", "test", ("cat followed by dog",)),
    ]
    found = by_metric(evaluate(FileEar(), clips))
    assert found["text_to_audio_r1_flipped"].value == pytest.approx((1 / 3 + 0) / 2)
    assert found["text_to_audio_r1_flipped"].n == 2


def test_a_split_needs_a_choice(tmp_path: Path) -> None:
    write_tones(tmp_path / "a.wav", "cat")
    table = tmp_path / "clips.csv"
    table.write_text("path,caption,split\na.wav,cat,test\na.wav,a cat,test\n,dog,test\na.wav,dog,train\n")
    with pytest.raises(DataError, match="the split 'test' has 1"):
        read_retrieval_clips(str(table), "test")


def test_clotho_is_read_as_it_is_published(tmp_path: Path) -> None:
    for part in ("development", "validation", "evaluation"):
        header = "file_name," + ",".join(f"caption_{n}" for n in range(1, 6))
        lines = [header]
        for a, b in ORDERS if part == "evaluation" else ():
            write_tones(tmp_path / part / f"{a} {b}.wav", a, b)
            said = [f"{a} followed by {b}.", f"{b} after {a}.", f"{a} before {b}", f"{a} and then {b}.", ""]
            lines.append(",".join((f"{a} {b}.wav", *said)))
        (tmp_path / f"clotho_captions_{part}.csv").write_text("\n".join(lines) + "\n")
    clips = read_retrieval_clips(f"clotho:{tmp_path}", "test")
    assert len(clips) == 16
    assert values(evaluate(FileEar(), clips), "text_to_audio_r1", "audio_to_text_map10") == [1.0, 1.0]


# DTU


def write_dtu(folder: Path) -> tuple[Path, list[Path]]:
    """Three files of captions, one of each two of which tells an order."""
    files = [folder / f"{name}.json" for name in ("future_past", "reverse", "replace")]
    words = ("{a} followed by {b}", "{b} followed by {a}", "{a} preceded by {b}")
    for file, wording in zip(files, words, strict=True):
        data = []
        for number, (a, b) in enumerate((*ORDERS, *TURNED)):
            name = f"video{number:06d}_{number}0000_{number + 1}0000.flac"
            said = {"caption_1": wording.format(a=a, b=b) + ".", "caption_2": f"{a} before {b}"}
            data.append({**said, "id": name, "audio": f"/elsewhere/audio/{name}", "duration": 10.0})
        file.write_text(json.dumps({"num_captions_per_audio": 2, "data": data}))
    return files[0], files[1:]


def write_dtu_sounds(folder: Path, count: int = 6) -> None:
    for number, tones in list(enumerate((*ORDERS, *TURNED)))[:count]:
        video = f"video{number:06d}"
        # Names that are in use: DTU's, and those of folders of AudioCaps.
        names = (f"{video}_{number}0000_{number + 1}0000", f"{video}_{number}0", f"Y{video}", video)
        write_tones(folder / f"{names[number % 4]}.wav", *tones)


def test_dtu_is_read_with_its_flips(tmp_path: Path) -> None:
    original, flipped = write_dtu(tmp_path)
    write_dtu_sounds(tmp_path / "sounds")
    clips = read_dtu(original, flipped, tmp_path / "sounds")
    assert len(clips) == 12
    assert [(clip.caption, clip.contradictions) for clip in clips[:2]] == [
        ("cat followed by dog", ("dog followed by cat", "cat preceded by dog")),
        ("cat before dog", ()),
    ]
    assert [Path(clip.recording).name for clip in clips[:8:2]] == [
        "video000000_00000_10000.wav",
        "video000001_10.wav",
        "Yvideo000002.wav",
        "video000003.wav",
    ]
    found = by_metric(evaluate(FileEar(), clips))
    assert found["text_to_audio_r1"].value == found["text_to_audio_r1_drop"].value == 1.0
    assert found["text_to_audio_r1_drop"].n == 6
    # Who hears "preceded by" as "followed by" is deceived by one kind of flip alone.
    for files, drop in ((flipped[:1], 1.0), (flipped[1:], 0.0)):
        rows = evaluate(FileEar(inverts=False), read_dtu(original, files, tmp_path / "sounds"))
        assert values(rows, "text_to_audio_r1_drop") == [drop]


def test_recordings_of_dtu_that_are_not_there_are_counted(tmp_path: Path) -> None:
    original, flipped = write_dtu(tmp_path)
    write_dtu_sounds(tmp_path / "sounds", 4)
    with pytest.warns(UserWarning, match="2 of 6 recordings .* video000004_40000_50000 first"):
        clips = read_dtu(original, flipped, tmp_path / "sounds")
    assert len(clips) == 8
    shutil.rmtree(tmp_path / "sounds")
    (tmp_path / "sounds").mkdir()
    with pytest.raises(DataError, match="none of its 6 recordings"):
        read_dtu(original, flipped, tmp_path / "sounds")
    write_dtu_sounds(tmp_path / "sounds", 1)
    with pytest.warns(UserWarning, match="5 of 6"), pytest.raises(DataError, match="two recordings"):
        read_dtu(original, flipped, tmp_path / "sounds")
    with pytest.raises(DataError, match="no folder"):
        read_dtu(original, flipped, tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "no JSON object"),
        ('{"data": {}}', "no list 'data'"),
        ('{"data": [{"audio": "a.wav"}]}', "entry 1 of 'data'"),
        ('{"data": [{"audio": "a.wav", "caption": "x"}, {"caption": "x"}]}', "entry 2 of 'data'"),
        ('{"data": [{"audio": "a.wav", "caption": 3}]}', "entry 1 of 'data'"),
        ('{"data": ["a.wav"]}', "entry 1 of 'data'"),
    ],
)
def test_a_broken_file_of_dtu_is_named(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "broken.json"
    file.write_text(text)
    with pytest.raises(DataError, match=words) as error:
        read_dtu(file, [], tmp_path)
    assert "broken.json" in str(error.value)


def test_flips_of_other_captions_are_refused(tmp_path: Path) -> None:
    original, (reverse, _) = write_dtu(tmp_path)
    write_dtu_sounds(tmp_path / "sounds")
    told = json.loads(reverse.read_text())
    del told["data"][1]["caption_2"]
    reverse.write_text(json.dumps(told))
    with pytest.raises(DataError, match=r"reverse\.json has no caption_2 of video000001"):
        read_dtu(original, [reverse], tmp_path / "sounds")


def test_syncaps_has_one_caption_each(tmp_path: Path) -> None:
    for name, a, b in (("1-a.wav", "cat", "dog"), ("2-b.wav", "dog", "cat")):
        write_tones(tmp_path / name, a, b)
    files = []
    for kind, wording in (("test", "{a} then {b}"), ("test_reverse", "{b} then {a}")):
        data = [
            {"caption": wording.format(a=a, b=b), "audio": name}
            for name, a, b in (("1-a.wav", "cat", "dog"), ("2-b.wav", "dog", "cat"))
        ]
        files.append(tmp_path / f"{kind}.json")
        files[-1].write_text(json.dumps({"num_captions_per_audio": 1, "data": data}))
    clips = read_dtu(files[0], files[1:], tmp_path)
    assert [(clip.caption, clip.contradictions) for clip in clips] == [
        ("cat then dog", ("dog then cat",)),
        ("dog then cat", ("cat then dog",)),
    ]
