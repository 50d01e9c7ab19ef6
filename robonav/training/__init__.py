"""Training runs: configuration, run folder, log, fine-tuning."""
