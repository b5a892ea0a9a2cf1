"""Coverage, gaps, cadence and field quality of a trading day: frames in, verdicts out, no I/O."""
