"""A certificate of the suite's own, made by openssl for as long as the session lasts, and what is reached under it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from ghtrader_assets.doors.outside import OutsideAddresses, fingerprint_of, tls_of

BEYOND = "127.0.0.2"
"""An address that every Linux host has, which nothing of ours takes for loopback."""


@dataclass(frozen=True)
class MadeCertificate:
    """Two PEM files. The certificate is its own authority."""

    certificate: Path
    key: Path

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.certificate)

    @property
    def outside(self) -> OutsideAddresses:
        return OutsideAddresses((BEYOND,), tls_of(self.certificate, self.key), self.fingerprint)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> MadeCertificate:
    """Of `BEYOND`, for a day."""
    folder = tmp_path_factory.mktemp("certificate")
    made = MadeCertificate(folder / "certificate.pem", folder / "key.pem")
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += ["-days", "1", "-subj", "/CN=ghtrader", "-addext", f"subjectAltName=IP:{BEYOND}"]
    words += ["-keyout", str(made.key), "-out", str(made.certificate)]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    return made
