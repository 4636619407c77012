"""The truth about a retrained model, for people: ``report.html``, or ``report.txt``."""

from .findings import Findings, study
from .write import render_report

__all__ = ["Findings", "render_report", "study"]
