"""The report about a retrained model, ``report.html``."""

from .analysis import Analysis, analyze
from .write import REPORT_NAME, render_report

__all__ = ["REPORT_NAME", "Analysis", "analyze", "render_report"]
