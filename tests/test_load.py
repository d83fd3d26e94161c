"""The load test: what it measures, and that it can fail."""

from types import SimpleNamespace

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from reliability import stream_client
from reliability.browsers import Watch
from reliability.load import Crowd, Told, summary
from reliability.stream_client import PageRun


def page_run(seconds: float, *errors: str) -> PageRun:
    return PageRun("home", seconds, 1, 1, errors)


def test_percentiles_hold_for_at_least_that_share_of_the_runs():
    runs = [page_run(k / 100) for k in range(1, 101)]
    results = summary(Told([page_run(3.0), page_run(1.0)], runs, [], [100.0] * 10, 10.2), Crowd())
    assert (results["p50_seconds"], results["p95_seconds"], results["longest_seconds"]) == (0.5, 0.95, 1.0)
    assert results["first_page_seconds"] == 3.0 and results["cpu_seconds_per_run"] == 0.1
    assert results["page_runs"] == 102 and results["memory_growth"] == 1.0 and results["held"]
    assert results["pages"]["home"] == {"runs": 100, "p50_seconds": 0.5, "p95_seconds": 0.95}


@pytest.mark.parametrize(
    ("told", "missed"),
    [
        (Told([page_run(7.0)], [page_run(1.0)], [], [1.0] * 5), "first_page_seconds"),
        (Told([page_run(1.0)], [page_run(3.0)], [], [1.0] * 5), "p95_seconds"),
        (Told([page_run(1.0)], [page_run(1.0, "ValueError: x")], [], [1.0] * 5), "errors"),
        (Told([page_run(1.0)], [page_run(1.0)], ["TimeoutError: "], [1.0] * 5), "errors"),
        (Told([page_run(1.0)], [page_run(1.0)], [], [1.0, 1.0, 1.0, 1.0, 2.0]), "memory_growth"),
        (Told([], [], [], [1.0] * 5), "p95_seconds"),
    ],
)
def test_a_goal_that_is_missed_is_said(told, missed):
    results = summary(told, Crowd())
    assert not results["held"] and not results["reached"][missed]


def test_an_exception_on_a_page_is_an_error_and_so_is_a_message_that_never_came():
    client = stream_client.StreamClient(None)
    message = ForwardMsg()
    message.delta.new_element.exception.type = "ValueError"
    message.delta.new_element.exception.message = "x"
    assert client._take(message) == "ValueError: x"
    assert "never came" in client._take(ForwardMsg(ref_hash="abc"))
    kept = ForwardMsg(hash="abc")
    kept.metadata.cacheable = True
    kept.delta.new_element.markdown.body = "x"
    assert client._take(kept) is None and client._take(ForwardMsg(ref_hash="abc")) is None


def test_a_tabs_run_lasts_from_its_message_to_the_end_of_the_script():
    watch = Watch(SimpleNamespace(on=lambda *_: None))
    watch.expect("maps")
    message = BackMsg()
    message.rerun_script.query_string = ""
    watch._sent(BackMsg(app_heartbeat=True).SerializeToString())
    assert not watch.busy
    watch._sent(message.SerializeToString())
    ended = ForwardMsg.ScriptFinishedStatus
    early, late = ended.Value("FINISHED_EARLY_FOR_RERUN"), ended.Value("FINISHED_SUCCESSFULLY")
    watch._received(ForwardMsg(script_finished=early).SerializeToString())
    assert watch.busy and not watch.runs
    watch._received(ForwardMsg(script_finished=late).SerializeToString())
    [run] = watch.runs
    assert not watch.busy and run.page == "maps" and run.messages == 2 and not run.errors
