// Draws every [data-chart]: whole numbers in, `scale` of them make one shown unit. The table below holds the exact figures.
"use strict";
(() => {
  const COLOURS = ["#2f6b4a", "#e2a03f", "#4c7fb0", "#b0657b", "#7a8b4f", "#6d776f"];
  const shown = (value) => value.toLocaleString("zh-CN", { maximumFractionDigits: 2 });
  for (const place of document.querySelectorAll("[data-chart]")) {
    const chart = JSON.parse(place.dataset.chart);
    if (!chart.labels.length) {
      place.textContent = "没有数据";
      place.dataset.drawn = 0;
      continue;
    }
    const drawing = echarts.init(place);
    drawing.setOption({
      animation: false,
      color: COLOURS,
      textStyle: { fontFamily: "inherit" },
      tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, valueFormatter: (value) => `${shown(value)} ${chart.shown_in}` },
      legend: { top: 0, type: "scroll" },
      grid: { left: 8, right: 16, top: 40, bottom: chart.labels.length > 24 ? 32 : 8, containLabel: true },
      xAxis: { type: "category", data: chart.labels, axisLabel: { interval: chart.labels.length > 40 ? "auto" : 0, rotate: chart.labels.length > 8 ? 35 : 0, width: 130, overflow: "truncate" } },
      yAxis: { type: "value", axisLabel: { formatter: shown } },
      dataZoom: chart.labels.length > 24 ? [{ type: "inside" }, { type: "slider", height: 16, bottom: 0 }] : [],
      series: chart.series.map((one) => ({
        type: "bar",
        name: one.name,
        stack: one.stacked ? "all" : undefined,
        barMaxWidth: 36,
        data: one.values.map((value) => value / chart.scale),
      })),
    });
    place.dataset.drawn = chart.series.length;
    addEventListener("resize", () => drawing.resize());
  }
})();
