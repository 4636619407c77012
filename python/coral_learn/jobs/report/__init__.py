"""The report about a retrained model: ``report.html``, or ``report.txt`` without Jinja."""

from .analysis import Analysis, analyze
from .write import render_report

__all__ = ["Analysis", "analyze", "render_report"]
