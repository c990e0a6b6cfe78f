"""What Istio's Helm charts render, as pure functions from values to manifests."""

from meshctl.lab.controllers.charts.cni import render_cni
from meshctl.lab.controllers.charts.istiod import render_base, render_istiod
from meshctl.lab.controllers.charts.metadata import Chart

__all__ = ["Chart", "render_base", "render_cni", "render_istiod"]
