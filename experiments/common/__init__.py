"""What all experiments share: command line, options, devices, result files."""
