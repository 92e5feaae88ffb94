"""What a command found, in the forms that people, editors and CI read."""

from hotpass.reports.forms import Form as Form
from hotpass.reports.forms import render as render
from hotpass.reports.model import Check as Check
from hotpass.reports.model import Finding as Finding
from hotpass.reports.model import Level as Level
from hotpass.reports.model import Report as Report
