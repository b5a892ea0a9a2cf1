"""Tests of the dashboard, in a real browser where a page is looked at."""
