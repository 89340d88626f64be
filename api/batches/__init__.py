"""Many submissions at once, judged by workers, so that killing any process loses none and doubles none."""
