"""The report on scores: it measures what it says, and its tables show the right numbers."""

import json

import pytest

from reports import scores


@pytest.fixture
def measured(tmp_path, monkeypatch):
    for name, value in {
        "STARS": 120,
        "ODD": 6,
        "SEPARATIONS_KMS": (10.0, 100.0),
        "FLUX_RATIOS": (0.3, 1.0),
        "FILLINGS": (0.05, 0.3),
        "SNR_EDGES": (12, 60, 450),
        "FILE": tmp_path / "scores.json",
    }.items():
        monkeypatch.setattr(scores, name, value)
    monkeypatch.setattr(scores, "JUDGING_SEED", 65)  # these stars are for a test alone
    monkeypatch.setattr(scores, "store", lambda path, result: path.write_text(json.dumps(result)))
    scores.measure_scores()
    return json.loads((tmp_path / "scores.json").read_text())


def test_what_is_measured_stands_in_the_tables(measured):
    right = measured["right"]
    assert sum(row["stars"] for row in right["ordinary"]["snr"]) == 120
    assert right["ordinary"]["unusual"] < 0.15 < 0.7 < right["binaries"]["unusual"]
    assert right["fillings"][0]["unusual"] < right["fillings"][1]["unusual"]
    assert measured["separations"][0]["1.0"] < measured["separations"][1]["1.0"] == 1
    text = scores.scores_section(measured)
    lines = text.splitlines()
    median, above = right["ordinary"]["snr"][0]["median"], right["ordinary"]["snr"][0]["unusual"]
    assert any(line.startswith(f"| 12-60 | {median:.2f} | {above:.3f} |") for line in lines)
    assert f"| 100 | {measured['separations'][1]['0.3']:.2f} | 1.00 |" in lines
    assert sum("physics |" in line for line in lines) >= 2 and "dealt uniformly over the grid" in text
    assert scores.scores_section({}) == ""
