"""The packages of a wheel. The service's is inside `gradjury`: no project's `api` can collide with it."""

from setuptools import find_namespace_packages, setup

SERVICE = find_namespace_packages(include=["api*"])

setup(
    packages=[
        *find_namespace_packages(include=["gradjury*", "reference_impl*", "verifier*"]),
        *(f"gradjury.lib.{name}" for name in SERVICE),
    ],
    package_dir={"gradjury.lib.api": "api"},
)
