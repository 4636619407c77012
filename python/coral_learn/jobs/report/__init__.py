"""The report about a retrained model: ``report.html``, and its facts in ``report.json``."""

from .analysis import Analysis, analyze
from .letter import Letter, write_letter
from .write import JSON_NAME, REPORT_NAME, write_report

__all__ = [
    "JSON_NAME",
    "REPORT_NAME",
    "Analysis",
    "Letter",
    "analyze",
    "write_letter",
    "write_report",
]
