"""The page of all benchmarks."""

import json

import pytest

from benchmarks import all as page
from benchmarks.measure import TABLES_VARIABLE, print_bars, print_table


@pytest.fixture
def replaced(monkeypatch, tmp_path):
    """Benchmarks that print tables at once, in processes of their own."""
    module = "import sys; from benchmarks.measure import print_bars, print_table\n"
    (tmp_path / "quick_benchmark.py").write_text(
        f"{module}print_table('Times', ('engine', 'ms'), [('ours', 2), ('peer', 4)])\n"
        "print_bars([('ours / peer', 0.5, 0.65)])\nsys.exit(int(sys.argv[1]))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("model.weights.find_weights", lambda: "vgg19.h5")
    names = {"start": ["quick_benchmark", "0"], "transfer": ["quick_benchmark", "3", page.WEIGHTS]}
    monkeypatch.setattr(page, "QUICK", names)


def test_a_quick_run_makes_a_page_and_tells_what_failed(replaced, tmp_path):
    assert page.main(["--quick", "--output", str(tmp_path / "page")]) == 1
    written = json.loads((tmp_path / "page.json").read_text())
    assert {"processor", "cores", "python"} <= set(written["machine"])
    assert "tensorflow" in written["versions"]
    good, bad = written["benchmarks"]
    assert (good["exit_code"], bad["exit_code"]) == (0, 3)
    assert bad["command"].endswith("python -m quick_benchmark 3 <weights>")
    assert good["tables"][0] == {"title": "Times", "columns": ["engine", "ms"], "rows": [["ours", "2"], ["peer", "4"]]}
    text = (tmp_path / "page.md").read_text()
    assert "| start | ours / peer | 0.5 | 0.65 | yes |" in text
    assert "It ended with exit code 3." in text


def test_only_what_is_named_is_run(replaced, tmp_path):
    assert page.main(["--quick", "--only", "start", "--output", str(tmp_path / "page")]) == 0
    assert "transfer" not in (tmp_path / "page.md").read_text()


def test_every_quick_benchmark_is_one_of_all():
    assert set(page.QUICK) <= set(page.FULL)
    found = page.commands(tuple(page.FULL), quick=True, device="gpu")
    assert {backend for _, backend in found.values()} == {"jax", "torch"}
    assert found["transfer, jax"][0][:2] == ["benchmarks.transfer", page.WEIGHTS]


def test_tables_with_bars_of_their_own_are_among_the_bars(monkeypatch, tmp_path):
    monkeypatch.setenv(TABLES_VARIABLE, str(tmp_path / "tables"))
    rows = [("peer", "2.0", "1.000", "", ""), ("ours", "1.0", "0.500", 0.42, "NO")]
    print_table("One iteration", ("engine", "seconds", "of PyTorch", "at most", "holds"), rows)
    print_bars([("ours / peer", 0.5, 0.65)])
    tables = [json.loads(line) for line in (tmp_path / "tables").read_text().splitlines()]
    result = page.Result("transfer", "python -m x", 1.0, 0, tables)
    text = page.as_markdown([result], {}, {})
    assert "| transfer | One iteration: ours | 0.500 | 0.42 | NO |" in text
    assert "| transfer | ours / peer | 0.5 | 0.65 | yes |" in text


def test_another_page_gets_the_bars_between_its_marks(replaced, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"Before.\n\n{page.BEGIN}\nold figures\n{page.END}\n\nAfter.\n")
    given = ["--quick", "--only", "start", "--output", str(tmp_path / "page"), "--readme", str(readme)]
    assert page.main(given) == 0
    text = readme.read_text()
    assert "| start | ours / peer | 0.5 | 0.65 | yes |" in text
    assert "old figures" not in text
    assert text.startswith("Before.\n")
    assert text.endswith("\nAfter.\n")
    assert page.main(given) == 0
    assert readme.read_text() == text


@pytest.mark.parametrize("text", ["no marks", f"{page.END} {page.BEGIN}", f"{page.BEGIN} {page.END} {page.END}"])
def test_a_page_without_marks_is_refused_before_anything_runs(replaced, tmp_path, capsys, text):
    (tmp_path / "README.md").write_text(text)
    with pytest.raises(SystemExit) as ended:
        page.main(["--output", str(tmp_path / "page"), "--readme", str(tmp_path / "README.md")])
    assert ended.value.code == 2
    assert "once each" in capsys.readouterr().err
    assert not (tmp_path / "page.md").exists()
