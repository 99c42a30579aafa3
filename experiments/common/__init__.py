"""What all experiments share: command line, statistics, figures, result files."""
