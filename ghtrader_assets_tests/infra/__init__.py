"""Tests of what lies under `infra/`, against the real parts."""
