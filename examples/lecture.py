"""Backpropagation on small examples, to be read from top to bottom and then run:

    python examples/lecture.py

1. One variable, one path: the chain rule by hand, backwards through a graph, and forwards.
2. One variable, two paths: their derivatives add up.
3. A network i → j → k → l: its δ's, its gradients, and finite differences that say the same.
"""

import numpy as np

from reference_impl import (
    LOSSES,
    Batch,
    Layer,
    LayerParameters,
    Network,
    Problem,
    Risk,
    activation,
    deltas,
    forward,
    gradients,
    named,
    risk_value,
)
from reference_impl.graph import Exp, Parameter, StaticGraph, directional_derivative

# ----------------------------------------------------------------------------------------------------------
# 1. The chain rule
#
# z = (x² + 3)⁴ is three simple functions, one inside the other:
#
#     v = x²        dv/dx = 2x
#     u = v + 3     du/dv = 1
#     z = u⁴        dz/du = 4 u³
#
# and its derivative is the product of theirs, dz/dx = 4 u³ · 1 · 2x = 8x (x² + 3)³.


def chain_rule_by_hand(x):
    return 8.0 * x * (x**2 + 3.0) ** 3


# A computation graph has one node for each of the three. Backwards, it starts from dz/dz = 1 and multiplies
# on its way from z to x: first dz/du, then dz/dv, then dz/dx. One such sweep gives the derivative of one
# output by *every* node.


def chain_rule_backwards(x):
    """Return dz by each node on the way: x, v, u, z."""
    at = Parameter(x)
    v = at**2
    u = v + 3.0
    z = u**4
    graph = StaticGraph(z)
    graph.forward()
    graph.backward()
    return {"x": float(at.grad), "v": float(v.grad), "u": float(u.grad), "z": float(z.grad)}


# The other variant multiplies the same factors in the other order: it starts from dx/dx = 1 and carries
# dv/dx, du/dx, dz/dx along with the values. One such sweep gives the derivative of *every* node by one input.


def chain_rule_forwards(x):
    at = Parameter(x, name="x")
    graph = StaticGraph((at**2 + 3.0) ** 4)
    _, slope = directional_derivative(graph, {}, {"x": 1.0})
    return float(slope)


# ----------------------------------------------------------------------------------------------------------
# 2. Several paths
#
# In z = f(g(x), h(x)) the variable x reaches z by two paths, and the derivative is the sum over both:
#
#     dz/dx = ∂f/∂g · dg/dx  +  ∂f/∂h · dh/dx.
#
# Let g = eˣ, h = x² + 3 and f(g, h) = g · h. Then ∂f/∂g = h and ∂f/∂h = g, so
#
#     dz/dx = (x² + 3) · eˣ  +  eˣ · 2x.


def two_paths_by_hand(x):
    """Return the two products along the paths through g and through h."""
    return (x**2 + 3.0) * np.exp(x), np.exp(x) * 2.0 * x


# The graph needs no rule for this but "add": a node that is used twice receives two gradients.


def two_paths_backwards(x):
    """Return the graph's vjp to x along each path, and the gradient at x."""
    at = Parameter(x)
    g = Exp()(at)
    square = at**2
    graph = StaticGraph(g * (square + 3.0))
    graph.forward()
    graph.backward()
    return float(g.grads[0]), float(square.grads[0]), float(at.grad)


def two_paths_forwards(x):
    at = Parameter(x, name="x")
    graph = StaticGraph(Exp()(at) * (at**2 + 3.0))
    return float(directional_derivative(graph, {}, {"x": 1.0})[1])


# ----------------------------------------------------------------------------------------------------------
# 3. A network
#
# Units have indices by layer: input i, hidden j, hidden k, output l. A unit sums its inputs to a and puts out
# z = g(a), with the sigmoid for g in the hidden layers and the identity at the output:
#
#     a_j = Σ_i w_ij x_i + b_j      z_j = g(a_j)
#     a_k = Σ_j w_jk z_j + b_k      z_k = g(a_k)
#     a_l = Σ_k w_kl z_k + b_l      f_l = a_l
#
# The risk is R = 1/N Σₙ ½ Σ_l (y_l − f_l)². Every δ is the derivative of R by an a:
#
#     δ_l = 1/N (f_l − y_l)
#     δ_k = g′(a_k) Σ_l w_kl δ_l          what k did to every l, weighted as k reaches it: paths add up
#     δ_j = g′(a_j) Σ_k w_jk δ_k
#
# and since a weight enters a by one product only, its derivative is input times δ, summed over the examples:
#
#     ∂R/∂w_kl = Σₙ z_k δ_l      ∂R/∂w_jk = Σₙ z_j δ_k      ∂R/∂w_ij = Σₙ x_i δ_j.


def network_problem():
    """Two inputs, two hidden layers of three units, two outputs; three examples."""
    sigmoid, identity = activation("sigmoid"), activation("identity")
    return Problem(
        network=Network((Layer(2, 3, sigmoid), Layer(3, 3, sigmoid), Layer(3, 2, identity))),
        parameters=(
            LayerParameters([[0.5, -0.3, 0.8], [0.2, 0.7, -0.6]], [0.1, -0.2, 0.3]),
            LayerParameters([[0.4, -0.5, 0.9], [-0.7, 0.3, 0.2], [0.6, 0.1, -0.4]], [0.0, 0.2, -0.1]),
            LayerParameters([[0.3, -0.8], [-0.9, 0.5], [0.7, 0.4]], [0.1, -0.3]),
        ),
        batch=Batch(
            inputs=[[1.0, -0.5], [0.3, 0.8], [-1.2, 0.4]],
            targets=[[0.5, -0.2], [0.0, 1.0], [-0.4, 0.6]],
        ),
        risk=Risk(LOSSES["mse"], factor=0.5, batch="mean", outputs="sum"),
    )


def written_out(problem):
    """The formulas above as they stand: the δ's by unit letter, the gradients by weight."""
    (w_ij, w_jk, w_kl), (b_j, b_k, b_l) = zip(*[(p.weight, p.bias) for p in problem.parameters], strict=True)
    x, y = problem.batch.inputs, problem.batch.targets

    def g(a):
        return 1.0 / (1.0 + np.exp(-a))

    z_j = g(x @ w_ij + b_j)
    z_k = g(z_j @ w_jk + b_k)
    f_l = z_k @ w_kl + b_l

    delta_l = (f_l - y) / len(x)
    delta_k = z_k * (1.0 - z_k) * np.einsum("kl,nl->nk", w_kl, delta_l)
    delta_j = z_j * (1.0 - z_j) * np.einsum("jk,nk->nj", w_jk, delta_k)

    return (
        {"l": delta_l, "k": delta_k, "j": delta_j},
        {
            "w_kl": np.einsum("nk,nl->kl", z_k, delta_l),
            "w_jk": np.einsum("nj,nk->jk", z_j, delta_k),
            "w_ij": np.einsum("ni,nj->ij", x, delta_j),
        },
    )


def by_the_reference(problem):
    """The same from `reference_impl`, which runs the recursion over layers of any number."""
    trace = forward(problem.network, problem.parameters, problem.batch)
    weights = [layer.weight for layer in gradients(problem, trace)]
    return (
        dict(zip("jkl", deltas(problem, trace), strict=True)),
        dict(zip(("w_ij", "w_jk", "w_kl"), weights, strict=True)),
    )


# Who believes none of this may move each weight a little up and a little down, and look at the risk:
#
#     ∂R/∂w ≈ (R(w + h) − R(w − h)) / 2h.
#
# h = 1e-5 is wrong by about h² = 1e-10, and R's rounding of 1e-16 costs 1e-16 / 1e-5 = 1e-11.

STEP = 1e-5


def by_finite_differences(problem):
    gradients = {}
    weights = ["layers.0.weight", "layers.1.weight", "layers.2.weight"]
    for letter, name in zip(("w_ij", "w_jk", "w_kl"), weights, strict=True):
        weight = dict(named(problem.parameters))[name]
        gradients[letter] = np.empty(weight.shape)
        for entry in np.ndindex(*weight.shape):
            up, down = (risk_moved(problem, name, entry, by) for by in (STEP, -STEP))
            gradients[letter][entry] = (up - down) / (2.0 * STEP)
    return gradients


def risk_moved(problem, name, entry, by):
    """Return R with one entry of one weight moved."""
    arrays = {name: array.copy() for name, array in named(problem.parameters)}
    arrays[name][entry] += by
    moved = tuple(
        LayerParameters(arrays[f"layers.{index}.weight"], arrays[f"layers.{index}.bias"])
        for index in range(len(problem.parameters))
    )
    return risk_value(problem, forward(problem.network, moved, problem.batch))


# ----------------------------------------------------------------------------------------------------------


def main():
    x = 2.0
    print(f"1. z = (x² + 3)⁴ at x = {x}")
    print(f"   dz/dx by hand           {chain_rule_by_hand(x)}")
    backwards = chain_rule_backwards(x)
    on_the_way = f"on the way: dz/du {backwards['u']}, dz/dv {backwards['v']}"
    print(f"   dz/dx by graph          {backwards['x']}   ({on_the_way})")
    print(f"   dz/dx by graph forwards {chain_rule_forwards(x)}")

    x = 1.5
    print(f"\n2. z = eˣ (x² + 3) at x = {x}")
    through_g, through_h = two_paths_by_hand(x)
    print(f"   by hand        {through_g:.12f} + {through_h:.12f} = {through_g + through_h:.12f}")
    print("   by graph       {:.12f} + {:.12f} = {:.12f}".format(*two_paths_backwards(x)))
    print(f"   graph forwards {' ' * 31} {two_paths_forwards(x):.12f}")

    problem = network_problem()
    trace = forward(problem.network, problem.parameters, problem.batch)
    delta, gradient = by_the_reference(problem)
    differences = by_finite_differences(problem)
    print(f"\n3. The network i → j → k → l, with R = {risk_value(problem, trace):.12f}")
    for letter in "lkj":
        print(f"   δ_{letter}, one row an example:")
        for row in delta[letter]:
            print("      " + "  ".join(f"{entry: .12f}" for entry in row))
    for letters in ("w_kl", "w_jk", "w_ij"):
        print(f"   ∂R/∂{letters}   backpropagation   finite differences   difference")
        for entry in np.ndindex(*gradient[letters].shape):
            exact, measured = gradient[letters][entry], differences[letters][entry]
            print(f"      {entry}   {exact: .12f}   {measured: .12f}      {abs(exact - measured):.0e}")


if __name__ == "__main__":
    main()
