"""The truth about a retrained model, for people: ``report.html``, or ``report.txt``."""

from .findings import Findings, study
from .write import write_report

__all__ = ["Findings", "study", "write_report"]
