"""L-BFGS on the device against torch.optim.LBFGS and, with bounds, against SciPy."""

import numpy as np
import pytest
import torch
from keras import ops
from scipy import optimize

from optimize.curvatures import direction_coefficients
from optimize.lbfgs import minimize_lbfgs
from optimize.progress import NotFiniteError
from optimize.value_and_grad import compile_value_and_grad
from tests.optimize.problems import Texture, Wavy

backends = pytest.mark.backends


def torch_losses(problem, start, iterations, history):
    """Return (loss, evaluations) after each iteration of torch.optim.LBFGS."""
    x = torch.tensor(start, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [x], max_iter=1, max_eval=10**6, history_size=history, tolerance_grad=0, tolerance_change=0,
        line_search_fn="strong_wolfe",
    )  # fmt: skip
    evaluations, result = 0, []

    def closure():
        nonlocal evaluations
        evaluations += 1
        optimizer.zero_grad()
        loss = problem.torch_loss(x)
        loss.backward()
        return loss

    for i in range(iterations):
        optimizer.step(closure)
        with torch.no_grad():
            # Every step begins by evaluating once more where the last one ended.
            result.append((problem.torch_loss(x).item(), evaluations - i))
    return result


def check_against_torch(problem, start, history):
    losses = []
    result = minimize_lbfgs(
        compile_value_and_grad(problem), start, maxiter=10, maxcor=history, ftol=0, gtol=0,
        callback=lambda iteration: losses.append((iteration.loss, iteration.evaluations)),
    )  # fmt: skip
    expected = torch_losses(problem, start, 10, history)
    assert [count for _, count in losses] == [count for _, count in expected]
    np.testing.assert_allclose([loss for loss, _ in losses], [loss for loss, _ in expected], rtol=1e-3)
    assert losses[-1][0] < losses[0][0]
    assert (result.iterations, result.evaluations, result.loss) == (10, losses[-1][1], losses[-1][0])


@backends
@pytest.mark.parametrize("history", [3, 10])
def test_losses_are_those_of_torch(history):
    problem = Wavy(100)
    check_against_torch(problem, problem.start, history)


@pytest.mark.parametrize("problem", [Wavy(2), Wavy(50_000), Texture(64)], ids=["wavy2", "wavy50000", "texture12288"])
def test_losses_in_many_dimensions_are_those_of_torch(problem):
    # In float64, which under the other backends Keras does not keep: the first step is so short that in float32 the
    # loss changes by little more than its rounding, and two sums in another order search differently along it.
    check_against_torch(problem, problem.start.astype("float64"), 10)


def test_coefficients_are_the_two_loops_on_vectors():
    rng = np.random.default_rng(0)
    pairs, size = 4, 30
    steps = rng.standard_normal((pairs, size))
    changes = steps * np.exp(rng.uniform(-1, 1, size))
    gradient = rng.standard_normal(size)
    scale = steps[-1] @ changes[-1] / (changes[-1] @ changes[-1])
    # SciPy starts from the identity: in units in which the scale is 1 both are the same.
    unit = optimize.LbfgsInvHessProduct(steps / np.sqrt(scale), changes * np.sqrt(scale))
    basis = np.concatenate([steps, changes, gradient[None]])
    direction = direction_coefficients(basis @ basis.T) @ basis
    np.testing.assert_allclose(direction, -scale * (unit @ gradient), rtol=1e-9, atol=1e-12)


@backends
def test_bounded_minimum_is_scipys():
    problem = Wavy(300)
    evaluate = compile_value_and_grad(problem)
    points = []
    result = minimize_lbfgs(
        evaluate, problem.start, bounds=(0.0, 1.0), maxiter=300, ftol=0, gtol=1e-6,
        callback=lambda iteration: points.append(iteration.numpy()),
    )  # fmt: skip

    def loss_and_gradient(x):
        evaluation = evaluate(x.astype("float32"))
        return float(evaluation.loss), ops.convert_to_numpy(evaluation.gradient).astype("float64")

    expected = optimize.minimize(
        loss_and_gradient, problem.start, jac=True, method="L-BFGS-B", bounds=[(0, 1)] * 300, options={"ftol": 1e-12}
    )
    assert min(p.min() for p in points) >= 0
    assert max(p.max() for p in points) <= 1
    assert (result.point == 0).any()
    assert (result.point == 1).any()
    assert result.loss <= expected.fun * (1 + 1e-4)
    assert result.loss < float(ops.convert_to_numpy(evaluate(problem.start).loss)) / 2


@backends
def test_bounds_that_nothing_touches_change_nothing():
    problem = Wavy(1000)
    evaluate = compile_value_and_grad(problem)
    results = [minimize_lbfgs(evaluate, problem.start, bounds=bounds, maxiter=8, ftol=0, gtol=0)
               for bounds in (None, (-100.0, 100.0))]  # fmt: skip
    assert results[0].loss == pytest.approx(results[1].loss, rel=1e-4)
    assert results[0].evaluations == results[1].evaluations


@backends
def test_it_ends_by_its_tolerances_and_says_so():
    problem = Wavy(50)
    evaluate = compile_value_and_grad(problem)
    assert "ftol" in minimize_lbfgs(evaluate, problem.start, maxiter=500, ftol=1e-3).message
    assert "gtol" in minimize_lbfgs(evaluate, problem.start, maxiter=500, ftol=0, gtol=1e-2).message
    limited = minimize_lbfgs(evaluate, problem.start, maxiter=3)
    assert (limited.iterations, limited.message) == (3, "reached the limit of iterations")


@backends
def test_the_callback_may_end_it():
    problem = Wavy(50)

    def callback(iteration):
        if iteration.iteration == 4:
            raise StopIteration

    result = minimize_lbfgs(compile_value_and_grad(problem), problem.start, maxiter=50, callback=callback)
    assert (result.iterations, result.message) == (4, "stopped by the callback")


@backends
def test_a_loss_that_is_not_a_number_stops_with_its_term():
    def function(x):
        terms = {"first": ops.sum(x), "octave0/relu3_1": ops.sum(ops.log(x - 2.0)), "after": ops.sum(ops.log(x - 2.0))}
        return sum(terms.values()), terms

    with pytest.raises(NotFiniteError, match="first in the term octave0/relu3_1"):
        minimize_lbfgs(compile_value_and_grad(function), np.ones(3, "float32"), maxiter=3)
