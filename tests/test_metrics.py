"""Metrics of plugins are found where the plugins are, and broken ones are named."""

from __future__ import annotations

import pytest

from hotpass.errors import PluginError
from hotpass.metrics import metrics_of_plugins
from hotpass.plugins import create_manager, files_with

PLUGIN = """
from hotpass import hookimpl
from hotpass.metrics import Metric

@hookimpl
def hotpass_metrics():
    return [Metric("{name}", higher_is_better={higher}, compute=lambda target, score, weight: 0.5)]
"""


@pytest.fixture
def folder(tmp_path):
    def write(name="gini", higher="True", file="ours.py"):
        path = tmp_path / file
        path.write_text(PLUGIN.format(name=name, higher=higher))
        return path

    return write


def test_a_folder_that_a_manager_loaded_is_known(folder):
    file = folder()
    (file.parent / "without.py").write_text("X = 1\n")
    assert files_with(create_manager(), "hotpass_metrics") == []
    assert files_with(create_manager([file.parent]), "hotpass_metrics") == [file]
    assert files_with(create_manager(), "hotpass_metrics") == [], "another manager's is not in force"


def test_the_metric_of_a_file(folder):
    found = metrics_of_plugins(["gini"], [folder()])
    assert found["gini"].higher_is_better is True
    assert found["gini"].compute(None, None, None) == 0.5


def test_a_name_that_nobody_has_and_what_was_meant(folder):
    with pytest.raises(PluginError, match=r"no plugin has a metric ginny\. Did you mean gini\?"):
        metrics_of_plugins(["ginny"], [folder()])
    with pytest.raises(PluginError, match=r"no plugin has a metric lost\. There are none\."):
        metrics_of_plugins(["lost"])


@pytest.mark.parametrize(
    ("values", "said"),
    [({"name": "Gini!"}, "'Gini!' must be lower case"), ({"higher": '"yes"'}, "must be True or False")],
)
def test_a_metric_that_breaks_the_contract(folder, values, said):
    with pytest.raises(PluginError, match=f"plugin ours.py: hotpass_metrics: .*{said}"):
        metrics_of_plugins(["gini"], [folder(**values)])


def test_the_same_name_twice(folder):
    with pytest.raises(PluginError, match=r"'gini' comes from two plugins: ours\.py and theirs\.py"):
        metrics_of_plugins(["gini"], [folder(), folder(file="theirs.py")])


def test_a_file_that_cannot_be_imported(tmp_path):
    file = tmp_path / "broken.py"
    file.write_text("import no_such_module\n")
    with pytest.raises(PluginError, match=r"broken\.py.*no_such_module"):
        metrics_of_plugins(["gini"], [file])
