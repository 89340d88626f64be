"""How many examples Hypothesis tries: `ci`, unless `--hypothesis-profile=nightly` asks for more."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci",
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],  # a busy machine is no mistake
)
settings.register_profile("nightly", settings.get_profile("ci"), max_examples=500, derandomize=False)
settings.load_profile("ci")
