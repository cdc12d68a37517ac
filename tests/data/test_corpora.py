"""Corpora in the layouts of their publishers, made here of synthetic sounds."""

import json
import warnings
from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner

from chronoclap.cli import app
from chronoclap.data import read_manifest
from chronoclap.errors import DataError
from chronoclap.scenes import Event
from chronoclap.scenes.foley import FOLEY, synthesise


def record(file: Path, number: int = 0) -> None:
    """A recording at that place."""
    file.parent.mkdir(parents=True, exist_ok=True)
    name = list(FOLEY)[number % len(FOLEY)]
    soundfile.write(file, synthesise(name, number, rate=16_000), 16_000)


def write(file: Path, *lines: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read(name: str, folder: Path) -> list[Event]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_manifest(f"{name}:{folder}")


def test_esc50(tmp_path: Path) -> None:
    rows = []
    for fold in range(1, 6):
        name = f"{fold}-{1000 + fold}-A-0.wav"
        record(tmp_path / "audio" / name, fold)
        rows.append(f"{name},{fold},0,glass_breaking,False,{1000 + fold},A")
    write(tmp_path / "meta" / "esc50.csv", "filename,fold,target,category,esc10,src_file,take", *rows)
    events = read("esc50", tmp_path)
    assert [event.split for event in events] == ["train", "train", "train", "val", "test"]
    assert events[0].phrase == "glass breaking"
    assert events[0].esc50_class == "glass_breaking"
    assert events[0].source == "freesound:1001"


def test_urbansound8k(tmp_path: Path) -> None:
    rows = []
    for fold in (1, 9, 10):
        name = f"{fold}00-3-0-0.wav"
        record(tmp_path / "audio" / f"fold{fold}" / name, fold)
        rows.append(f"{name},{fold}00,0,1.5,1,{fold},3,dog_bark")
    head = "slice_file_name,fsID,start,end,salience,fold,classID,class"
    write(tmp_path / "metadata" / "UrbanSound8K.csv", head, *rows)
    events = read("urbansound8k", tmp_path)
    assert [(event.phrase, event.split) for event in events] == [
        ("dog bark", "train"),
        ("dog bark", "val"),
        ("dog bark", "test"),
    ]


def test_fsd50k(tmp_path: Path) -> None:
    truth = tmp_path / "FSD50K.ground_truth"
    write(
        truth / "dev.csv",
        "fname,labels,mids,split",
        '64760,"Electric_guitar,Guitar,Music",m,train',
        "16399,Bark,m,val",
    )
    write(truth / "eval.csv", "fname,labels,mids", "37199,Rain,m")
    for place, name in (("dev", 64760), ("dev", 16399), ("eval", 37199)):
        record(tmp_path / f"FSD50K.{place}_audio" / f"{name}.wav", name)
    assert [(event.phrase, event.split, event.source) for event in read("fsd50k", tmp_path)] == [
        ("electric guitar", "train", "freesound:64760"),
        ("bark", "val", "freesound:16399"),
        ("rain", "test", "freesound:37199"),
    ]
    every = read_manifest(f"fsd50k:{tmp_path}", every_label=True)
    assert [(event.phrase, event.source) for event in every] == [
        ("electric guitar", "freesound:64760"),
        ("guitar", "freesound:64760"),
        ("music", "freesound:64760"),
        ("bark", "freesound:16399"),
        ("rain", "freesound:37199"),
    ]


def test_vggsound(tmp_path: Path) -> None:
    write(tmp_path / "vggsound.csv", '---g-f_I2yQ,1,"people marching",test', "aB_c,30,dog barking,train")
    record(tmp_path / "audio" / "---g-f_I2yQ_000001.wav", 1)
    record(tmp_path / "audio" / "aB_c_30.flac", 2)
    assert [(event.phrase, event.split, event.source) for event in read("vggsound", tmp_path)] == [
        ("people marching", "test", "youtube:---g-f_I2yQ"),
        ("dog barking", "train", "youtube:aB_c"),
    ]


def test_audiocaps(tmp_path: Path) -> None:
    for number, split in enumerate(("train", "val", "test")):
        row = f'{number},vid{number},{10 * number},"A dog barks, then rain falls."'
        write(tmp_path / "dataset" / f"{split}.csv", "audiocap_id,youtube_id,start_time,caption", row)
    for stem in ("vid0", "Yvid1", "vid2_20"):  # three customs of naming
        record(tmp_path / "audio" / f"{stem}.wav", len(stem))
    events = read("audiocaps", tmp_path)
    assert [event.split for event in events] == ["train", "val", "test"]
    assert {event.phrase for event in events} == {"A dog barks, then rain falls"}
    assert events[2].source == "youtube:vid2"


def test_clotho(tmp_path: Path) -> None:
    captions = ",".join(f"caption_{n}" for n in range(1, 6))
    for number, part in enumerate(("development", "validation", "evaluation")):
        said = ",".join(f"Rain falls {n}." for n in range(1, 6))
        write(tmp_path / f"clotho_captions_{part}.csv", f"file_name,{captions}", f"Rain {number}.wav,{said}")
        record(tmp_path / part / f"Rain {number}.wav", number)
    (tmp_path / "clotho_metadata_development.csv").write_bytes(
        "file_name,keywords,sound_id\nRain 0.wav,caf\xe9,4711\n".encode("latin-1")
    )
    events = read("clotho", tmp_path)
    assert [event.split for event in events] == ["train"] * 5 + ["val"] * 5 + ["test"] * 5
    assert events[0].source == "freesound:4711"
    assert events[5].source == "clotho:Rain 1.wav"
    assert events[4].phrase == "Rain falls 5"


def test_wavcaps(tmp_path: Path) -> None:
    def data(*rows: tuple[str, str]) -> str:
        return json.dumps({"data": [{"id": name, "caption": said} for name, said in rows]})

    write(tmp_path / "FreeSound" / "fsd_final.json", data(("11", "Rain falls."), ("12", "A dog barks.")))
    write(tmp_path / "AudioSet_SL" / "as_final.json", data(("Yabc.wav", "A man speaks.")))
    write(tmp_path / "blacklist_exclude_all_ac.json", json.dumps({"FreeSound": ["12"], "AudioSet": []}))
    for place in ("FreeSound/11.flac", "FreeSound/12.flac", "AudioSet_SL/Yabc.flac"):
        record(tmp_path / "audio" / place, len(place))
    events = read("wavcaps", tmp_path)
    assert {(event.phrase, event.source) for event in events} == {
        ("Rain falls", "FreeSound:11"),
        ("A man speaks", "AudioSet_SL:Yabc"),
    }
    assert {event.split for event in events} == {"train"}


class TestWhatIsMissing:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        rows = [f"{n}-1-A-0.wav,{n},0,rain,False,{n},A" for n in range(1, 5)]
        write(tmp_path / "meta" / "esc50.csv", "filename,fold,target,category,esc10,src_file,take", *rows)
        return tmp_path

    def test_recordings_are_counted(self, folder: Path) -> None:
        record(folder / "audio" / "2-1-A-0.wav")
        with pytest.warns(UserWarning, match="3 of 4 recordings are not in .*1-1-A-0 first"):
            assert len(read_manifest(f"esc50:{folder}")) == 1

    def test_all_recordings(self, folder: Path) -> None:
        with pytest.raises(DataError, match="none of its 4 recordings is there, such as 1-1-A-0"):
            read_manifest(f"esc50:{folder}")

    def test_a_table_a_column_and_a_folder(self, folder: Path) -> None:
        with pytest.raises(DataError, match=r"UrbanSound8K\.csv is missing"):
            read_manifest(f"urbansound8k:{folder}")
        write(folder / "meta" / "esc50.csv", "filename,fold")
        with pytest.raises(DataError, match="lacks the columns category, src_file"):
            read_manifest(f"esc50:{folder}")
        with pytest.raises(DataError, match="no such folder"):
            read_manifest(f"esc50:{folder / 'nowhere'}")
        with pytest.raises(DataError, match="no table of WavCaps"):
            read_manifest(f"wavcaps:{folder}")


def test_commands_take_them(tmp_path: Path) -> None:
    rows = []
    for number, name in enumerate(("rain", "dog", "siren", "bell", "wind")):
        record(tmp_path / "esc" / "audio" / f"1-{number}-A-0.wav", number)
        rows.append(f"1-{number}-A-0.wav,1,{number},{name},False,{number},A")
    write(tmp_path / "esc" / "meta" / "esc50.csv", "filename,fold,target,category,esc10,src_file,take", *rows)
    out = tmp_path / "scenes"
    arguments = ["compose", "--data", f"esc50:{tmp_path / 'esc'}", "--n", "4", "--out", str(out)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert len(list(out.glob("*.wav"))) == 4
