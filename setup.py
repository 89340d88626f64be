"""The packages of a wheel. The service's is inside `gradjury`: no project's `api` can collide with it."""

from setuptools import find_namespace_packages, setup

setup(
    packages=[
        *find_namespace_packages(include=["gradjury*", "reference_impl*", "verifier*"]),
        *(f"gradjury.lib.{name}" for name in find_namespace_packages(include=["api*"])),
    ],
    package_dir={"gradjury.lib.api": "api"},
)
