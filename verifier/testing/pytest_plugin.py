"""The pytest plugin's earlier place, which installations from before `gradjury.pytest_plugin` name."""

from importlib import import_module

# by name: this package stands below `gradjury`
globals().update(
    {
        name: value
        for name, value in vars(import_module("gradjury.pytest_plugin")).items()
        if name.startswith("pytest_") or name == "gradients"
    }
)
