"""The corpus of damaged scans: each is survived with a message, by the library and by the command line."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import pytest
from damaged import LENIENT, odd_but_sound, write_corpus, write_lenient
from dicom_files import write_series

from ad_desktop.cli.main import main
from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes import memory
from ad_desktop.data.volumes.opening import find_volumes, load_volume
from ad_desktop.data.volumes.worker import Pool, ReaderDied, Worker
from ad_desktop.errors import Cancelled, InputError
from ad_desktop.task import Task


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_corpus(tmp_path_factory.mktemp("damaged"))


def test_every_damaged_file_is_listed_or_loaded_with_a_message(corpus):
    assert len(corpus) >= 100
    opened = []
    for path in corpus:
        found = find_volumes([path])
        reasons = [failure.reason for failure in found.failures]
        for info in found.series:
            try:
                volume = load_volume(info.sample)
            except InputError as error:
                reasons.append(error.reason)
            else:
                opened.append((path.name, volume.shape))
        with pytest.raises(InputError):
            load_volume(VolumeSample(path))
        assert all(len(reason) > 15 for reason in reasons)
        assert reasons or not found.series, path
    assert not opened


def test_the_command_line_says_what_is_wrong_with_each(corpus, capsys):
    assert main(["info", "--json", *map(str, corpus)]) == 2
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["path"] for line in told] == [str(path) for path in corpus]
    assert all(line["error"] for line in told)


def test_a_folder_of_damaged_files_hides_none_of_the_sound_ones(corpus, tmp_path):
    sound = odd_but_sound(tmp_path / "sound")
    found = find_volumes([corpus[0].parent, tmp_path / "sound"])
    keys = {info.sample.path for info in found.series}
    assert set(sound) <= keys
    assert len(found.failures) > 80


def test_damage_that_cannot_be_seen_is_survived(tmp_path):
    files = write_lenient(tmp_path)
    assert {path.name for path in files} == LENIENT
    volumes = {path.name: load_volume(VolumeSample(path)) for path in files}
    assert all(volume.array.size for volume in volumes.values())
    assert "its slope is inf" in volumes["odd_slope.nii"].warnings[0]


def test_odd_scans_open_with_a_warning(tmp_path):
    for path in odd_but_sound(tmp_path):
        (info,) = find_volumes([path]).series
        assert load_volume(info.sample).warnings, path


def test_a_killed_reader_is_told_and_the_next_one_reads(tmp_path):
    os.mkfifo(tmp_path / "pipe.dcm")
    worker = Worker()
    threading.Timer(1.0, os.kill, (worker.pid, signal.SIGKILL)).start()
    with pytest.raises(ReaderDied, match="crashed"):
        list(worker.ask({"do": "describe", "paths": [str(tmp_path / "pipe.dcm")], "memory": 1 << 32}, None, 60))
    pool = Pool(1)
    list(pool.ask({"do": "describe", "paths": []}))
    os.kill(pool._idle[0].pid, signal.SIGKILL)
    pool._idle[0]._process.wait()
    assert [message["is"] for message in pool.ask({"do": "describe", "paths": []})] == ["done"]
    pool.close()


def test_a_reader_that_stands_still_is_stopped(tmp_path):
    os.mkfifo(tmp_path / "pipe.dcm")
    pool = Pool(1)
    with pytest.raises(ReaderDied, match="stood still"):
        list(pool.ask({"do": "describe", "paths": [str(tmp_path / "pipe.dcm")]}, patience=3))
    pool.close()


def test_listing_can_be_cancelled(tmp_path):
    write_series(tmp_path)
    task = Task()
    task.cancel()
    with pytest.raises(Cancelled):
        find_volumes([tmp_path], task)


class Impatient(Task):
    """A task that is cancelled when it first reports."""

    def report(self, *told: object) -> None:
        self.cancel()


def test_listing_and_reading_can_be_cancelled_midway(tmp_path):
    write_series(tmp_path, range(60))
    with pytest.raises(Cancelled):
        find_volumes([tmp_path], Impatient())
    (info,) = find_volumes([tmp_path]).series
    with pytest.raises(Cancelled):
        load_volume(info.sample, Impatient())
    assert load_volume(info.sample).shape == (60, 5, 7)


def test_memory_is_asked_first(tmp_path, monkeypatch):
    write_series(tmp_path)
    (info,) = find_volumes([tmp_path]).series
    monkeypatch.setattr(memory, "available_memory", lambda: 100)
    with pytest.raises(InputError, match="GB of memory"):
        load_volume(info.sample)


def test_a_broken_slice_is_named(tmp_path):
    write_series(tmp_path)
    (info,) = find_volumes([tmp_path]).series
    whole = (tmp_path / "014.dcm").read_bytes()
    (tmp_path / "014.dcm").write_bytes(whole[:-20])
    found = find_volumes([tmp_path])
    assert [Path(failure.path).name for failure in found.failures] == []
    with pytest.raises(InputError, match=r"014\.dcm"):
        load_volume(info.sample)
