"""TensorFlow's start-up notes."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT

PROGRAM = """
import os, sys
from pipelines.startup import quiet_startup
with quiet_startup():
    {body}
print("after", file=sys.stderr)
"""


def standard_error(body, **variables):
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(body=body)],
        cwd=ROOT,
        env=environment | variables,
        capture_output=True,
        text=True,
    )
    return result.stderr


def test_importing_tensorflow_says_nothing():
    assert standard_error("import tensorflow") == "after\n"


def test_everything_but_the_notes_is_passed_on():
    body = r"os.write(2, b'I0000 00:17 port.cc:153] oneDNN\nE0000 00:17 broken\n'); print('Python', file=sys.stderr)"
    assert standard_error(body) == "E0000 00:17 broken\nPython\nafter\n"
    message = standard_error("raise RuntimeError('no AVX')")
    assert "RuntimeError: no AVX" in message


def test_a_child_process_is_quiet_too_and_the_search_for_devices_says_nothing():
    """TensorFlow tells of GPUs that it cannot reach when it first needs one; children inherit the variable."""
    child = (
        "from pipelines.startup import quiet_startup\nwith quiet_startup():\n    import tensorflow\ntensorflow.ones(1)"
    )
    run = f"import subprocess, tensorflow; subprocess.run([sys.executable, '-c', {child!r}]); tensorflow.ones(1)"
    assert standard_error(run) == "after\n"


def test_warnings_of_tensorflows_python_side_are_for_programmers():
    assert (
        standard_error("import logging, tensorflow; logging.getLogger('tensorflow').warning('retracing')") == "after\n"
    )


SAVING = {
    "import": "from import_torch_weights import main; main({})",
    "lattice": "from pipelines import lattice; lattice.PICTURES = 1; from remove_lattice import main; main({})",
}
INPUTS = {"import": "tests/data/torch7/tn_johnson_small.t7", "lattice": "klimt_gold"}


@pytest.mark.parametrize("script", SAVING)
def test_scripts_that_save_a_model_say_nothing_of_tensorflow_on_another_backend(script, tmp_path):
    """Keras imports it there when it saves, which told its notes."""
    output = tmp_path / "model.keras"
    code = SAVING[script].format(["--input", INPUTS[script], "--output", str(output)])
    printed(code, says="", KERAS_BACKEND="torch")
    assert output.is_file()


def test_who_sets_the_variable_sees_the_notes():
    assert "oneDNN" in standard_error(r"os.write(2, b'I0000 oneDNN\n')", TF_CPP_MIN_LOG_LEVEL="0")


def test_scripts_load_nothing_large_before_they_know_what_to_do():
    scripts = [path.stem for path in ROOT.glob("*.py") if path.stem not in ("conftest", "version")]
    assert {"synthesize", "style_transfer", "train"} <= set(scripts)
    large = {"keras", "tensorflow", "scipy", "h5py", "jax", "torch"}
    code = f"import sys, {', '.join(scripts)}; print(sorted({large} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


SCRIPT = """
import sys
from pipelines.startup import OFFERS, in_script, quiet_startup
in_script.set(True)
with quiet_startup():
    import tensorflow
    print(*set(OFFERS).intersection(sys.modules))
    import sklearn
"""


def test_a_script_starts_keras_without_packages_that_keras_only_offers_to_use():
    assert not printed(SCRIPT).strip()


NAMES = """
import tensorflow as tf
modules = {name: value for name, value in vars(tf).items() if "._api.v2." in getattr(value, "__name__", "")}
for name, module in sorted(modules.items()):
    print(name, hasattr(module, "__all__"), sorted(vars(module).keys() - {"_lock"}))
"""
STARTED = """
import sys
from pipelines.startup import in_script, quiet_startup
in_script.set(True)
with quiet_startup():
    import tensorflow as tf
print("_pending" in vars(tf.audio), file=sys.stderr)
"""


def test_a_script_loads_tensorflows_public_names_when_it_uses_them_and_finds_the_same():
    found = printed(STARTED + NAMES, says="True\n")
    assert len(found.splitlines()) > 40
    assert found == printed(NAMES)


THREADS = """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(16) as pool:
    print(*set(pool.map(lambda number: tf.audio.decode_wav is tf.audio.decode_wav, range(16))))
"""


def test_threads_may_ask_for_a_name_at_once():
    assert printed(STARTED + THREADS, says="True\n") == "True\n"


SETTINGS = """
import keras
from pipelines.startup import kept_settings, quiet_startup

def tell():
    print(keras.config.image_data_format(), keras.config.floatx(), keras.layers.Flatten().compute_dtype)

with kept_settings():
    with quiet_startup():
        pass
    tell()
tell()
keras.config.set_dtype_policy("mixed_bfloat16")
with kept_settings():
    with quiet_startup():
        pass
    tell()
tell()
with quiet_startup():
    pass
tell()
"""


def test_keras_file_of_settings_changes_neither_the_order_of_axes_nor_the_type(tmp_path):
    """With channels first no network could be built; the library gives a program's settings back to it.

    Of the type it did so, but Keras had made its policy for layers of the library's.
    """
    (tmp_path / "keras.json").write_text('{"image_data_format": "channels_first", "floatx": "float16"}')
    own, theirs = "channels_last float32 float32", "channels_first float16 float16"
    mixed = "channels_first float16 bfloat16"
    assert printed(SETTINGS, KERAS_HOME=str(tmp_path)).splitlines() == [own, theirs, own, mixed, own]


def test_a_backend_that_is_not_there_is_told_in_one_line():
    """With a note of what is allowed, in place of Keras' traceback."""
    command = [sys.executable, "stylize_tensorflow.py", "--input", "pics/coffee.jpg", "--output", "unwritten.png"]
    result = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "KERAS_BACKEND": "theano"}, capture_output=True, text=True
    )
    assert result.returncode == 1
    assert result.stderr == (
        "stylize_tensorflow.py: error: Keras cannot be imported: Unable to import backend : theano (KERAS_BACKEND is "
        "theano; it must be tensorflow, jax or torch, and installed)\n"
    )


def printed(code, says=None, **variables):
    """Return what a program prints, after checking what it says on standard error where that is given."""
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    environment["KERAS_BACKEND"] = "tensorflow"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert says in (None, result.stderr)
    return result.stdout
