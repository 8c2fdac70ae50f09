"""Runs that are interrupted anywhere, saved, and gone on with: the same numbers as uninterrupted ones, to the last."""

import io
from functools import partial
from tempfile import gettempdir

import numpy as np
import pytest

from optimize.adam import AdamState, minimize_adam
from optimize.lbfgs import LBFGSState, minimize_lbfgs
from optimize.lbfgsb import LBFGSBState, minimize_lbfgsb
from optimize.value_and_grad import compile_value_and_grad
from tests.optimize.problems import Wavy

pytestmark = pytest.mark.backends
ITERATIONS = 14
OPTIMIZERS = {
    "l-bfgs-b": (partial(minimize_lbfgsb, bounds=(0.0, 1.0), ftol=0, gtol=0, maxcor=5), LBFGSBState),
    "l-bfgs-b, unbounded": (partial(minimize_lbfgsb, bounds=None, ftol=0, gtol=0, maxcor=5), LBFGSBState),
    "lbfgs": (partial(minimize_lbfgs, bounds=(0.0, 1.0), ftol=0, gtol=0, maxcor=5), LBFGSState),
    "lbfgs, unbounded": (partial(minimize_lbfgs, ftol=0, gtol=0, maxcor=5), LBFGSState),
    "l-bfgs-b, in files": (partial(minimize_lbfgsb, ftol=0, gtol=0, maxcor=5, folder=gettempdir()), LBFGSBState),
    "lbfgs, in files": (partial(minimize_lbfgs, ftol=0, gtol=0, maxcor=5, folder=gettempdir()), LBFGSState),
    "adam": (partial(minimize_adam, learning_rate=0.02), AdamState),
}


class Interrupted:
    """An evaluation that Ctrl-C meets at its nth call."""

    def __init__(self, evaluate, calls):
        self.evaluate = evaluate
        self.calls = calls

    def __call__(self, point):
        self.calls -= 1
        if self.calls == 0:
            raise KeyboardInterrupt
        return self.evaluate(point)


def saved_and_read(state):
    file = io.BytesIO()
    np.savez(file, **state.to_arrays())
    file.seek(0)
    with np.load(file) as arrays:
        return type(state).from_arrays(dict(arrays))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_interrupted_run_ends_where_an_uninterrupted_one_does(name):
    minimize, kind = OPTIMIZERS[name]
    problem = Wavy(60)
    evaluate = compile_value_and_grad(problem)
    expected_losses = []
    expected = minimize(
        evaluate, problem.start, maxiter=ITERATIONS,
        callback=lambda iteration: expected_losses.append((iteration.iteration, iteration.evaluations, iteration.loss)),
    )  # fmt: skip
    for calls in range(4, expected.evaluations, 3):
        losses, states = [], []

        def callback(iteration, losses=losses, states=states):
            losses.append((iteration.iteration, iteration.evaluations, iteration.loss))
            states[:] = [iteration.state]

        with pytest.raises(KeyboardInterrupt):
            minimize(Interrupted(evaluate, calls), problem.start, maxiter=ITERATIONS, callback=callback)
        state = saved_and_read(states[0]())
        assert isinstance(state, kind)
        found = minimize(evaluate, state, maxiter=ITERATIONS, callback=callback)
        assert losses == expected_losses
        np.testing.assert_array_equal(found.point, expected.point)
        assert (found.iterations, found.evaluations) == (expected.iterations, expected.evaluations)
        assert (found.loss, found.message) == (expected.loss, expected.message)


@pytest.mark.parametrize("minimize", [minimize_lbfgsb, minimize_lbfgs])
def test_curvatures_in_files_give_the_same_run(tmp_path, minimize):
    problem = Wavy(60)
    losses = {}
    for folder in (None, str(tmp_path)):
        found = losses.setdefault(folder, [])
        callback = lambda iteration, found=found: found.append(iteration.loss)  # noqa: E731
        options = {"maxiter": ITERATIONS, "ftol": 0, "gtol": 0, "callback": callback, "folder": folder}
        minimize(compile_value_and_grad(problem), problem.start, **options)
    np.testing.assert_allclose(losses[str(tmp_path)], losses[None], rtol=1e-6 if minimize is minimize_lbfgsb else 1e-3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_run_of_no_more_iterations_returns_the_saved_point(name):
    minimize, _ = OPTIMIZERS[name]
    problem = Wavy(30)
    states = []
    evaluate = compile_value_and_grad(problem)
    first = minimize(evaluate, problem.start, maxiter=6, callback=lambda iteration: states.append(iteration.state()))
    again = minimize(evaluate, saved_and_read(states[-1]), maxiter=6)
    np.testing.assert_array_equal(again.point, first.point)
    assert again.iterations == 6


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_state_does_not_change_while_its_run_goes_on(name):
    minimize, _ = OPTIMIZERS[name]
    problem = Wavy(30)
    kept = []

    def callback(iteration):
        if iteration.iteration == 7:
            state = iteration.state()
            kept.append((state, {name: np.array(value) for name, value in state.to_arrays().items()}))

    minimize(compile_value_and_grad(problem), problem.start, maxiter=ITERATIONS, callback=callback)
    ((state, copies),) = kept
    for field, value in state.to_arrays().items():
        np.testing.assert_array_equal(value, copies[field])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_arrays_that_are_no_state_are_refused(name):
    minimize, kind = OPTIMIZERS[name]
    problem = Wavy(30)
    states = []
    minimize(
        compile_value_and_grad(problem), problem.start, maxiter=3,
        callback=lambda iteration: states.append(iteration.state()),
    )  # fmt: skip
    arrays = states[-1].to_arrays()
    for field, array in arrays.items():
        with pytest.raises(ValueError, match=f"lacks {field}"):
            kind.from_arrays({other: value for other, value in arrays.items() if other != field})
        if array.ndim:
            with pytest.raises(ValueError, match="not"):
                kind.from_arrays({**arrays, field: array[..., 1:]})


def test_arrays_in_files_are_not_copied_into_memory(tmp_path):
    state = LBFGSBState.first(np.zeros((1, 4, 4, 3), np.float32), 10, str(tmp_path))
    assert np.shares_memory(state.to_arrays()["wa"], state.wa)
