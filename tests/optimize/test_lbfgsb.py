"""The driver of SciPy's L-BFGS-B."""

import numpy as np
import pytest
from keras import ops
from scipy import optimize

from optimize.lbfgsb import minimize_lbfgsb
from optimize.progress import NotFiniteError
from optimize.value_and_grad import compile_value_and_grad
from tests.optimize.problems import Texture, Wavy

pytestmark = pytest.mark.backends


def scipy_result(problem, scale, bounds, iterations):
    evaluate = compile_value_and_grad(problem)

    def loss_and_gradient(x):
        evaluation = evaluate(x.astype("float32").reshape(problem.start.shape))
        gradient = ops.convert_to_numpy(evaluation.gradient).ravel().astype("float64")
        return scale * float(ops.convert_to_numpy(evaluation.loss)), scale * gradient

    return optimize.minimize(
        loss_and_gradient, problem.start.ravel(), jac=True, method="L-BFGS-B", bounds=bounds,
        options={"maxiter": iterations, "ftol": 0, "gtol": 0, "maxcor": 10},
    )  # fmt: skip


@pytest.mark.parametrize("bounds", [None, (0.0, 1.0)])
def test_it_is_scipys_minimize_on_the_scaled_loss(bounds):
    problem = Wavy(200)
    first = float(ops.convert_to_numpy(compile_value_and_grad(problem)(problem.start).loss))
    result = minimize_lbfgsb(compile_value_and_grad(problem), problem.start, maxiter=12, bounds=bounds, ftol=0, gtol=0)
    expected = scipy_result(problem, 1 / first, bounds and [bounds] * 200, 12)
    assert result.loss / first == pytest.approx(expected.fun, rel=1e-6)
    assert (result.iterations, result.evaluations, result.message) == (expected.nit, expected.nfev, expected.message)
    np.testing.assert_allclose(result.point, expected.x, atol=1e-6)


def test_pictures_keep_their_shape_and_bounds():
    problem = Texture(16)
    shapes, losses = [], []

    def callback(iteration):
        picture = iteration.numpy()
        shapes.append(picture.shape)
        losses.append(iteration.loss)
        assert picture.dtype == np.float32
        assert 0 <= picture.min() <= picture.max() <= 1

    result = minimize_lbfgsb(compile_value_and_grad(problem), problem.start, maxiter=20, callback=callback)
    assert result.point.shape == (1, 16, 16, 3)
    assert set(shapes) == {(1, 16, 16, 3)}
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] == pytest.approx(result.loss, rel=1e-6)


def test_callbacks_see_the_accepted_point_and_its_terms():
    problem = Wavy(30)
    evaluate = compile_value_and_grad(problem)
    seen = []

    def callback(iteration):
        again = evaluate(iteration.numpy())
        assert iteration.evaluation.term_values() == pytest.approx(again.term_values(), rel=1e-4)
        assert sum(iteration.evaluation.term_values().values()) == pytest.approx(iteration.loss, rel=1e-5)
        seen.append((iteration.iteration, iteration.evaluations))

    minimize_lbfgsb(evaluate, problem.start, maxiter=5, callback=callback)
    assert [iteration for iteration, _ in seen] == [1, 2, 3, 4, 5]
    assert all(evaluations > iteration for iteration, evaluations in seen)


@pytest.mark.parametrize("bounds", [None, (0.0, 1.0)])
def test_a_state_that_a_run_goes_on_from_stays_as_it_is(bounds):
    """An interruption before the next iteration keeps it."""
    problem, states = Wavy(30), []
    evaluate = compile_value_and_grad(problem)
    options = {"bounds": bounds, "ftol": 0, "gtol": 0}
    minimize_lbfgsb(evaluate, problem.start, maxiter=3, callback=lambda at: states.append(at.state()), **options)
    before = {name: value.copy() for name, value in states[-1].to_arrays().items()}
    minimize_lbfgsb(evaluate, states[-1], maxiter=6, **options)
    after = states[-1].to_arrays()
    assert all(np.array_equal(value, after[name]) for name, value in before.items())


def test_the_callback_may_end_it():
    problem = Wavy(30)

    def callback(iteration):
        if iteration.iteration == 3:
            raise StopIteration

    result = minimize_lbfgsb(compile_value_and_grad(problem), problem.start, maxiter=50, callback=callback)
    assert result.iterations == 3
    assert "CALLBACK" in result.message


def test_ctrl_c_comes_through():
    problem = Wavy(30)

    def callback(iteration):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        minimize_lbfgsb(compile_value_and_grad(problem), problem.start, maxiter=50, callback=callback)


def test_the_tolerance_refers_to_a_loss_of_one():
    problem = Wavy(30)

    def million(x):
        loss, terms = problem(x)
        return 1e6 * loss, {name: 1e6 * term for name, term in terms.items()}

    results = [
        minimize_lbfgsb(compile_value_and_grad(function), problem.start, maxiter=500, ftol=1e-4)
        for function in (problem, million)
    ]
    assert results[0].iterations == results[1].iterations
    assert "RELATIVE REDUCTION" in results[0].message


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_numbers_that_are_none_stop_it_and_are_named(where):
    def function(x):
        root = ops.sqrt(ops.sum(ops.square(x - 1.0)))  # its gradient at 1 is not a number
        wrong = ops.sum(ops.log(x - 2.0)) if where == "loss" else root
        terms = {"octave0/relu1_1": ops.sum(x), "octave0/pool2": wrong}
        return sum(terms.values()), terms

    expected = "first in the term octave0/pool2" if where == "loss" else "gradient is not finite at evaluation 1"
    with pytest.raises(NotFiniteError, match=expected):
        minimize_lbfgsb(compile_value_and_grad(function), np.ones(3, "float32"), maxiter=3)
