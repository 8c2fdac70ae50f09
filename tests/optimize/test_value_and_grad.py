"""The compiled value and gradient against PyTorch's."""

import numpy as np
import pytest
import torch
from keras import ops

from optimize.value_and_grad import compile_value_and_grad
from tests.optimize.problems import Texture, Wavy

pytestmark = pytest.mark.backends


@pytest.mark.parametrize("problem", [Wavy(500), Texture(24)], ids=lambda problem: type(problem).__name__)
def test_loss_and_gradient_are_pytorchs(problem):
    evaluation = compile_value_and_grad(problem)(problem.start)
    leaf = torch.tensor(problem.start, requires_grad=True)
    loss = problem.torch_loss(leaf)
    loss.backward()
    assert float(ops.convert_to_numpy(evaluation.loss)) == pytest.approx(loss.item(), rel=1e-5)
    gradient = ops.convert_to_numpy(evaluation.gradient)
    assert np.abs(gradient - leaf.grad.numpy()).max() <= 1e-5 * leaf.grad.abs().max().item()


def test_terms_keep_their_names_and_order():
    problem = Wavy(50)
    values = compile_value_and_grad(problem)(problem.start).term_values()
    assert list(values) == ["bowl", "waves", "valley"]
    x = torch.tensor(problem.start)
    expected = problem.terms(x, torch.tensor(problem.weights), torch.tensor(problem.center), torch)
    assert values == pytest.approx({name: value.item() for name, value in expected.items()}, rel=1e-5)


def test_other_shapes_are_compiled_anew():
    evaluate = compile_value_and_grad(lambda x: (ops.sum(x * x), {"square": ops.sum(x * x)}))
    for shape in ((3,), (2, 4), (3,)):
        x = np.arange(np.prod(shape), dtype="float32").reshape(shape)
        np.testing.assert_allclose(ops.convert_to_numpy(evaluate(x).gradient), 2 * x)


def test_tensors_are_taken_like_arrays():
    problem = Wavy(20)
    evaluate = compile_value_and_grad(problem)
    first, second = evaluate(problem.start), evaluate(ops.convert_to_tensor(problem.start))
    np.testing.assert_array_equal(ops.convert_to_numpy(first.gradient), ops.convert_to_numpy(second.gradient))


def test_only_the_running_backend_is_imported():
    import subprocess
    import sys

    code = (
        "import sys, os; os.environ['KERAS_BACKEND'] = 'jax'; import optimize.lbfgs, optimize.lbfgsb; "
        "sys.exit('tensorflow' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
