"""A search by one worker: what is trained, on what, and what is kept of it."""

import json
import re
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from command import Cli
from edge_asc.budget.rules import RULES
from edge_asc.config.schema import load_preset
from edge_asc.data.open import open_dataset
from edge_asc.export.count import budget_of
from edge_asc.search import proxy, worker
from edge_asc.search.picture import save_front
from edge_asc.search.price import price, search_rule
from edge_asc.search.records import Record, dominates, pareto_front
from edge_asc.search.space import changed, read_space
from edge_asc.search.storage import address, close, open_storage
from small_search import FIXED, SPACE, small_search, small_task

LIMIT = 10_000  # bytes: about half of the small space


def database(folder: Path) -> Any:
    return address(None, folder / "trials.db", {})


def trials(folder: Path) -> list[Any]:
    storage = open_storage(database(folder))
    try:
        return optuna.load_study(study_name="small", storage=storage).trials
    finally:
        close(storage)


@pytest.fixture(scope="module")
def blind(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The synthetic scenes without the audio of fold 1."""
    folder = Path(shutil.copytree(scenes, tmp_path_factory.mktemp("blind") / "scenes"))
    for clip in open_dataset(folder).split(1)[1]:
        clip.path.unlink()
    return folder


@pytest.fixture(scope="module")
def searched(blind: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four trials in a row, on a data set whose test clips are not even there."""
    folder = tmp_path_factory.mktemp("searched")
    small_search(database(folder), folder, small_task(blind, max_bytes=LIMIT), 4)
    return folder


def test_the_test_fold_is_never_read(searched: Path, blind: Path) -> None:
    with pytest.raises((OSError, ValueError)):
        open_dataset(blind).split(1)[1][0].path.read_bytes()
    assert len([t for t in trials(searched) if worker.records.was_trained(t)]) == 4


def test_only_candidates_that_keep_the_rule_are_trained(searched: Path) -> None:
    assert sum("rejected" in trial.user_attrs for trial in trials(searched)) > 0
    for trial in trials(searched):
        over = trial.user_attrs["price"]["file_bytes"] > LIMIT
        assert over == ("rejected" in trial.user_attrs and bool(trial.user_attrs["price"]["over"]))
        if over:
            assert not trial.intermediate_values
            assert "whole file" in trial.user_attrs["rejected"]
            assert trial.constraints["rule"] > 0


def test_no_candidate_is_trained_twice_and_no_folder_stays(searched: Path) -> None:
    trained = [t for t in trials(searched) if worker.records.was_trained(t)]
    assert len({t.user_attrs["candidate"] for t in trained}) == len(trained)
    assert not list((searched / "small").glob("*"))


def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(
    searched: Path, blind: Path, tmp_path: Path
) -> None:
    task = small_task(blind, max_bytes=LIMIT)
    small_search(database(tmp_path), tmp_path, task, 2)
    found = small_search(database(tmp_path), tmp_path, task, 4)
    storage = open_storage(database(searched))
    before = worker.records.records(optuna.load_study(study_name="small", storage=storage))
    close(storage)
    same = [(r.trial, r.settings, r.accuracy, r.file_bytes) for r in found]
    assert same == [(r.trial, r.settings, r.accuracy, r.file_bytes) for r in before]


def test_a_study_answers_one_question(searched: Path, scenes: Path, blind: Path) -> None:
    for task, told in (
        (small_task(blind, epochs=3, max_bytes=LIMIT), "epochs 2, now 3:"),
        (
            small_task(blind),
            "limits whole file 128,000, whole file 10,000, now whole file 128,000:",
        ),
        (small_task(blind, max_bytes=LIMIT, fold=2), "fold 1, now 2:"),
        (
            small_task(blind, max_bytes=LIMIT, overrides=["train.batch_size=8"]),
            "base train.batch_size 16, now train.batch_size 8:",
        ),
    ):
        with pytest.raises(ValueError, match=f"was begun with {told}"):
            small_search(database(searched), searched, task, 4)


def test_data_without_clips_to_choose_by_are_refused_before_training(
    scenes: Path, tmp_path: Path
) -> None:
    task = small_task(scenes)
    firsts = {clip.label: clip for clip in task.dataset.split(1)[0]}.values()
    test = task.dataset.split(1)[1]
    few = replace(task, dataset=replace(task.dataset, clips=(*firsts, *test)))
    with pytest.raises(ValueError, match="chooses by validation clips"):
        small_search(database(tmp_path), tmp_path, few, 1)
    assert not (tmp_path / "trials.db").exists()


def test_ctrl_c_keeps_the_folder_and_the_candidate_goes_on(
    blind: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = small_task(blind, epochs=3)

    class Interrupted(proxy.Watch):
        def on_train_epoch_end(self, *arguments: Any) -> None:
            super().on_train_epoch_end(*arguments)
            if self.told == 2:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(proxy, "Watch", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            small_search(database(tmp_path), tmp_path, task, 1)
    (folder,) = (tmp_path / "small").iterdir()
    assert len((folder / "metrics.csv").read_text().splitlines()) == 1 + 2
    (record,) = small_search(database(tmp_path), tmp_path, task, 1)
    broken, again = trials(tmp_path)
    assert broken.state.name == "FAIL" and again.state.name == "COMPLETE"
    assert broken.params == again.params and record.trial == again.number
    assert set(again.intermediate_values) == {1, 2, 3}
    assert not folder.exists()


def test_candidates_that_fall_behind_are_stopped(
    blind: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Behind(optuna.pruners.BasePruner):
        def prune(self, study: optuna.Study, trial: Any) -> bool:
            return trial.number > 0

    monkeypatch.setattr(worker, "MedianPruner", lambda *_, **__: Behind())
    first, second = small_search(database(tmp_path), tmp_path, small_task(blind, epochs=3), 2)
    assert (first.finished, first.epochs) == (True, 3)
    assert (second.finished, second.epochs) == (False, 1)
    assert 0 <= (second.accuracy or 0) <= 1
    assert not list((tmp_path / "small").iterdir())


def test_a_worker_that_was_given_up_says_so(
    blind: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slept(config: Any, dataset: Any, trial: optuna.Trial, *_: Any, **__: Any) -> float:
        trial.study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        trial.report(0.5, 1)
        return 0.5

    monkeypatch.setattr(worker, "train_candidate", slept)
    with pytest.raises(ValueError, match="which was silent too long"):
        small_search(database(tmp_path), tmp_path, small_task(blind), 1)


def test_a_loss_that_diverges_is_a_result(blind: Path, tmp_path: Path) -> None:
    task = small_task(blind, overrides=["train.optimizer=sgd", "train.learning_rate=1e30"])
    (record,) = small_search(database(tmp_path), tmp_path, task, 1)
    assert not record.finished and "the loss became" in record.reason


def test_a_space_with_nothing_new_in_it_ends(
    blind: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "MOST_REJECTED", 5)
    one = SPACE.without(["model.options.channels=", "model.options.attention="])
    task = small_task(blind, space=one, epochs=1)
    with pytest.raises(ValueError, match=r"5 candidates in a row .* same as trial 0"):
        small_search(database(tmp_path), tmp_path, task, 2)
    too_small = small_task(blind, max_bytes=1000)
    with pytest.raises(ValueError, match=r"5 candidates in a row .* whole file"):
        small_search(database(tmp_path / "2"), tmp_path, too_small, 1)


def test_a_network_is_priced_once_however_often_it_is_drawn(
    blind: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "MOST_REJECTED", 6)
    priced: list[Any] = []

    def counted(config: Any, *others: Any) -> Any:
        priced.append(config)
        return price(config, *others)

    monkeypatch.setattr(worker, "price", counted)
    one = SPACE.without(["model.options.channels=", "model.options.attention="])
    with pytest.raises(ValueError, match=r"6 candidates in a row .* peak activations"):
        small_search(database(tmp_path), tmp_path, small_task(blind, space=one, max_peak=10), 1)
    assert len(priced) == 1


def test_the_price_is_that_of_the_file_before_and_after_training(run: Path, scenes: Path) -> None:
    """The same bytes but for the numbers in the metadata; the same work."""
    from edge_asc.export.run import export_run
    from edge_asc.quantize.run import quantize_run
    from edge_asc.training.run_folder import read_run

    quantize_run(run, ptq=True, progress=False)
    (exported,) = export_run(run, precision="int8")
    (inventory,) = budget_of(str(exported.path))
    found = price(read_run(run).settings(), open_dataset(scenes), RULES["edge-128k"])
    assert found.file_bytes == pytest.approx(exported.bytes, rel=0.01)
    assert found.parameters == inventory.parameters
    assert found.macs_per_s == inventory.per_second(inventory.macs)
    assert found.peak_activation_bytes == inventory.peak_activation_bytes


def test_pricing_takes_less_than_a_second(scenes: Path) -> None:
    space, dataset = read_space(), open_dataset(scenes)
    config = changed(load_preset(space.base), {"model.options.channels": [56] * 7})
    rule = search_rule("edge-128k")
    price(config, dataset, rule)  # imports
    begun = time.process_time()
    assert price(config, dataset, rule).over
    assert time.process_time() - begun < 1


def test_limits_may_be_tighter_than_the_rule() -> None:
    rule = search_rule("edge-128k", 32_000, 10_000_000, 50_000)
    assert [limit.most for limit in rule.limits] == [128_000, 32_000, 10_000_000, 50_000]
    with pytest.raises(ValueError, match="one rule, not all"):
        search_rule("all")


def record(
    accuracy: float, file_bytes: int, macs: int, finished: bool = True, peak: int | None = None
) -> Record:
    return Record("s", 0, finished, accuracy, 1, file_bytes, 1, 1, macs, {}, "", "", peak)


small_numbers = st.integers(0, 3)
points_4d = st.lists(st.tuples(*[small_numbers] * 4), max_size=12)


@given(points_4d)
def test_the_front_is_what_nothing_dominates(points: list[tuple[int, int, int, int]]) -> None:
    found = [record(a / 4, b, m, peak=p) for a, b, m, p in points]
    front = pareto_front(found)
    for point, r in zip(points, found, strict=True):
        better = [q for q in points if q != point and q[0] >= point[0] and q[1:] <= point[1:]
                  and all(x <= y for x, y in zip(q[1:], point[1:], strict=True))]  # fmt: skip
        assert (r in front) == (not better)
    assert not any(dominates(a, b) for a, b in product(found, front))
    assert all(r in front or any(dominates(f, r) for f in front) for r in found)
    assert (not front) == (not found)


@given(points_4d, st.data())
def test_memory_that_is_not_known_of_all_decides_nothing(
    points: list[tuple[int, int, int, int]], data: st.DataObject
) -> None:
    """An older search beside a newer one: the front of accuracy, bytes and work alone."""
    found = [record(a / 4, b, m, peak=data.draw(st.none() | st.just(p))) for a, b, m, p in points]
    if all(r.peak_activation_bytes is not None for r in found):
        return
    plain = [replace(r, peak_activation_bytes=None) for r in found]
    front = pareto_front(found)
    assert [replace(r, peak_activation_bytes=None) for r in front] == pareto_front(plain)
    assert all(r in found for r in front)


def test_what_was_not_finished_is_on_no_front() -> None:
    assert pareto_front([record(1.0, 1, 1, finished=False)]) == []


def test_peak_memory_is_a_wall_as_well(blind: Path, tmp_path: Path) -> None:
    """Half of the small space lies above 8,192 bytes: 16 channels of the stem's maps."""
    limit = 8192
    found = small_search(database(tmp_path), tmp_path, small_task(blind, max_peak=limit), 2)
    assert all(0 < (r.peak_activation_bytes or 0) <= limit for r in found)
    turned_away = [t for t in trials(tmp_path) if "rejected" in t.user_attrs]
    over = [t for t in turned_away if t.user_attrs["price"]["peak_activation_bytes"] > limit]
    assert over
    for trial in over:
        assert "peak activations: " in trial.user_attrs["rejected"]
        assert not trial.intermediate_values and trial.constraints["rule"] > 0


def test_a_search_from_before_peak_memory_was_measured_is_read_and_goes_on(
    searched: Path, blind: Path, cli: Cli, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(searched, tmp_path / "old"))
    with closing(sqlite3.connect(folder / "trials.db")) as old, old:
        table = "trial_user_attributes"
        for number, text in old.execute(
            f"SELECT trial_user_attribute_id, value_json FROM {table} WHERE key = 'price'"
        ).fetchall():
            price = json.loads(text)
            del price["peak_activation_bytes"]
            old.execute(
                f"UPDATE {table} SET value_json = ? WHERE trial_user_attribute_id = ?",
                (json.dumps(price), number),
            )
    picture = tmp_path / "old.png"
    code, out, err = cli("search", "show", "--folder", folder, "--out", picture)
    assert (code, err) == (0, "") and "peak memory" in out
    code, out, _ = cli("search", "show", "--folder", folder, "--json")
    assert {trial["peak_activation_bytes"] for trial in json.loads(out)["trials"]} == {None}
    newer = cli("search", "show", "--folder", searched, "--out", tmp_path / "new.png")
    assert newer[0] == 0 and width(picture) < width(tmp_path / "new.png")  # one panel, not two
    found = small_search(database(folder), folder, small_task(blind, max_bytes=LIMIT), 5)
    assert [r.peak_activation_bytes is None for r in found] == [True] * 4 + [False]


def width(png: Path) -> int:
    return int.from_bytes(png.read_bytes()[16:20], "big")


def test_show_and_preset(searched: Path, cli: Cli, tmp_path: Path, blind: Path) -> None:
    code, out, err = cli("search", "show", "--folder", searched, "--out", tmp_path / "f.png")
    assert (code, err) == (0, "") and "Pareto front" in out
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    code, out, _ = cli("search", "show", "--folder", searched, "--json")
    said = json.loads(out)
    assert (code, said["trained"]) == (0, 4)
    best = said["front"][0]
    mine = tmp_path / "mine.toml"
    arguments = ("--study", "small", "--trial", best["trial"], "--out", mine)
    code, out, err = cli("search", "preset", "--folder", searched, *arguments)
    assert (code, err) == (0, "")
    config = load_preset(mine)
    assert config == changed(load_preset("compact-int8", [*FIXED, "name=mine"]), best["settings"])
    found = price(config, open_dataset(blind), RULES["edge-128k"])
    assert found.file_bytes == pytest.approx(best["file_bytes"], abs=32)  # its name is in it


def test_the_command_searches(
    blind: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.toml").write_text(
        'base = "compact-int8"\n[proxy]\n"train.ema" = 0.5\n'
        '[space]\n"model.options.channels" = [[4, 4], [4, 8]]\n'
    )
    fixed = [part for override in FIXED for part in ("--set", override)]
    command = ["search", "--rule", "edge-128k", "--data", blind, "--fold", 1, "--space", "s.toml"]
    code, out, err = cli(*command, "--trials", 1, "--epochs", 1, "--json", *fixed)
    assert (code, json.loads(out)["trained"]) == (0, 1)
    assert "1 trained: trial 0:" in err
    code, out, _ = cli(*command, "--trials", 2, "--epochs", 1, *fixed)  # goes on
    assert code == 0 and "2 finished" in out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["search"], 2),
        (["search", "--rule", "edge-128k", "--data", "nowhere"], 1),
        (["search", "--rule", "dcase1999", "--data", "."], 2),
        (["search", "--rule", "edge-128k", "--data", ".", "--space", "none.toml"], 1),
        (["search", "--rule", "edge-128k", "--data", ".", "--storage", "what"], 1),
        (["search", "show"], 1),
        (["search", "preset", "--trial", "1", "--out", "x.toml"], 1),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    arguments: list[str], code: int, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found, out, err = cli(*arguments)
    assert (found, out) == (code, "")
    assert code == 2 or re.fullmatch(r"edge-asc: .+\n", err)
    assert not list(tmp_path.iterdir())


def test_a_picture_needs_a_finished_trial(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no finished trial"):
        save_front([record(0.5, 1, 1, finished=False)], tmp_path / "x.png")
    assert not list(tmp_path.iterdir())
