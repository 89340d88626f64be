"""Functions of JAX are checked in an environment in which JAX is installed for the test."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
PROGRAM = """
import json
import jax, jax.numpy as jnp
from gradjury import check_gradient

def function(x):
    return x * jnp.sin(x)

def with_gradient(slope):
    made = jax.custom_vjp(function)
    made.defvjp(lambda x: (function(x), x), lambda x, g: (g * slope(x),))
    return made

right = with_gradient(lambda x: jnp.sin(x) + x * jnp.cos(x))
wrong = with_gradient(lambda x: x * jnp.cos(x))
doubled = with_gradient(lambda x: 2 * (jnp.sin(x) + x * jnp.cos(x)))
rows = {}
for double in (False, True):
    jax.config.update("jax_enable_x64", double)
    x = jnp.array([0.5, -1.0, 2.0])
    loss = lambda x: function(x).sum()
    checks = {
        "right": check_gradient(right, None, x),
        "wrong": check_gradient(wrong, None, x),
        "doubled": check_gradient(doubled, None, x),
        "the gradient of a loss": check_gradient(loss, jax.grad(loss), x),
        "order 2": check_gradient(function, None, x, order=2),
        "forward mode": check_gradient(function, None, x, jvp=True),
        "logsumexp": check_gradient(jax.nn.logsumexp, None, x),
    }
    rows[str(x.dtype)] = {
        name: [check.verdict, *[finding.code for finding in check.findings]] for name, check in checks.items()
    }
print(json.dumps(rows))
"""
EXPECTED = {
    "right": ["correct"],
    "wrong": ["incorrect", "gradient-value"],
    "doubled": ["incorrect", "constant-factor"],
    "the gradient of a loss": ["correct"],
    "order 2": ["correct"],
    "forward mode": ["correct"],
    "logsumexp": ["correct"],
}


@pytest.mark.nightly
def test_right_and_wrong_functions_of_jax_in_both_precisions(tmp_path: Path) -> None:
    source = tmp_path / "source"  # a build leaves files where the source is
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "__pycache__", "tests", "shared"))
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "jax", source], check=True)
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [python, "program.py"],
        cwd=tmp_path,
        env={"JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"float32": EXPECTED, "float64": EXPECTED}
