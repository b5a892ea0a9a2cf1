"""Field quality of a trading day, one module a rule family."""
