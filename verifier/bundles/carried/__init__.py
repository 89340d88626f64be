"""Programs that a bundle carries beside GradJury and that a platform runs as files, by themselves."""
