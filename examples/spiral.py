"""Three spirals, told apart by a small network: the lecture's loop and PyTorch's, side by side.

The task is that of Stanford's CS231n, "Putting it together: Minimal Neural Network Case Study"
(https://cs231n.github.io/neural-networks-case-study/): points on three interleaved spiral arms, a hidden
layer of 100 rectified units, softmax, and gradient descent on the whole batch. Here the first 200 steps are
taken; the case study takes 10,000. Run it:

    python examples/spiral.py
"""

import numpy as np
import torch

from reference_impl import (
    LOSSES,
    Batch,
    Layer,
    LayerParameters,
    Network,
    Penalty,
    Problem,
    Risk,
    activation,
    descend,
    forward,
)

ARMS = 3
POINTS_PER_ARM = 100
HIDDEN_UNITS = 100
PENALTY = 1e-3
LEARNING_RATE = 1.0
STEPS = 200


def spiral(seed):
    """Draw the points, shape (300, 2), and the number of the arm on which each lies, shape (300,)."""
    rng = np.random.default_rng(seed)
    radius = np.linspace(0.0, 1.0, POINTS_PER_ARM)
    arms = []
    for arm in range(ARMS):
        angle = np.linspace(4.0 * arm, 4.0 * (arm + 1), POINTS_PER_ARM) + 0.2 * rng.normal(
            size=POINTS_PER_ARM
        )
        arms.append(np.column_stack([radius * np.sin(angle), radius * np.cos(angle)]))
    return np.concatenate(arms), np.repeat(np.arange(ARMS), POINTS_PER_ARM)


def spiral_problem(seed):
    """The network with small random weights, and R = mean cross-entropy + ½ · 0.001 · Σ W²."""
    points, arms = spiral(seed)
    rng = np.random.default_rng([seed, 1])
    layers = (
        Layer(2, HIDDEN_UNITS, activation("relu")),
        Layer(HIDDEN_UNITS, ARMS, activation("identity")),
    )
    start = tuple(
        LayerParameters(0.01 * rng.normal(size=(layer.inputs, layer.outputs)), np.zeros(layer.outputs))
        for layer in layers
    )
    return Problem(
        network=Network(layers),
        parameters=start,
        batch=Batch(points, np.eye(ARMS)[arms]),
        risk=Risk(
            loss=LOSSES["cross_entropy"],
            factor=1.0,
            on="logits",
            penalties=(Penalty("l2", strength=PENALTY, factor=0.5),),
        ),
    )


def train_as_in_the_lecture(problem, steps):
    """Return the parameters after the last step, and the risk before each."""
    return descend(problem, LEARNING_RATE, steps)


def train_with_torch(problem, steps):
    """The same, as PyTorch's users write it: zero_grad, backward, step."""
    weights = [torch.tensor(layer.weight.copy(), requires_grad=True) for layer in problem.parameters]
    biases = [torch.tensor(layer.bias.copy(), requires_grad=True) for layer in problem.parameters]
    optimizer = torch.optim.SGD([*weights, *biases], lr=LEARNING_RATE)
    points = torch.tensor(problem.batch.inputs.copy())
    arms = torch.tensor(problem.batch.targets.argmax(axis=1))
    losses = []
    for _ in range(steps):
        hidden = torch.relu(points @ weights[0] + biases[0])
        scores = hidden @ weights[1] + biases[1]
        loss = torch.nn.functional.cross_entropy(scores, arms)
        loss = loss + 0.5 * PENALTY * sum((weight**2).sum() for weight in weights)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    parameters = tuple(
        LayerParameters(weight.detach().numpy(), bias.detach().numpy())
        for weight, bias in zip(weights, biases, strict=True)
    )
    return parameters, losses


def accuracy(problem, parameters):
    """The share of points whose highest score is that of their own arm."""
    scores = forward(problem.network, parameters, problem.batch).outputs
    return float((scores.argmax(axis=1) == problem.batch.targets.argmax(axis=1)).mean())


def main():
    problem = spiral_problem(seed=0)
    ours, our_losses = train_as_in_the_lecture(problem, STEPS)
    theirs, their_losses = train_with_torch(problem, STEPS)
    print("step   loss, the lecture's loop   loss, PyTorch's loop   difference")
    for step in range(0, STEPS, 20):
        a, b = our_losses[step], their_losses[step]
        print(f"{step:4d}   {a:24.16f}   {b:20.16f}   {abs(a - b):10.1e}")
    print(f"accuracy on these points: {accuracy(problem, ours):.3f} and {accuracy(problem, theirs):.3f}")


if __name__ == "__main__":
    main()
