// Charts of the overview: each reads its numbers from the page, and each mark leads to the calls behind it.

import { colour, onTheme } from "../theme.js";
import { language, t } from "../words.js";

const drawn = new Map();
const day = new Intl.DateTimeFormat(language, { month: "short", day: "numeric", timeZone: "UTC" });
const whole = new Intl.DateTimeFormat(language, { dateStyle: "full", timeZone: "UTC" });
const number = new Intl.NumberFormat(language);
const percent = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 });

/** Where the axis of rates ends: a small rate is to be seen too. */
const CEILINGS = [0.1, 0.2, 0.4, 0.6, 0.8, 1];

/** Calls of each day, and the share of them in which a customer was angry. */
function volume({ days }) {
  const axis = { axisLine: { show: false }, axisTick: { show: false }, splitLine: { lineStyle: { color: colour("line") } } };
  const label = { color: colour("text-faint"), fontSize: 12, fontFamily: getComputedStyle(document.body).fontFamily };
  const rates = days.map((one) => (one.calls ? one.angry / one.calls : null));
  const top = CEILINGS.find((one) => Math.max(...rates) <= one) ?? 1;
  return {
    animationDuration: 250,
    aria: { enabled: false },
    grid: { left: 8, right: 8, top: 40, bottom: 4, containLabel: true },
    legend: { top: 0, left: 0, icon: "roundRect", itemWidth: 10, itemHeight: 10, itemGap: 20, textStyle: { ...label, color: colour("text-soft") } },
    tooltip: {
      trigger: "axis",
      axisPointer: { type: "shadow", shadowStyle: { color: colour("text"), opacity: 0.04 } },
      backgroundColor: colour("surface"),
      borderColor: colour("line"),
      textStyle: { ...label, color: colour("text"), fontSize: 13 },
      formatter: ([first]) => {
        const one = days[first.dataIndex];
        const rate = one.calls ? percent.format(one.angry / one.calls) : "–";
        return `${whole.format(new Date(one.day))}<br>${t("chart.calls")}: ${number.format(one.calls)}<br>${t("chart.rate")}: ${rate} (${number.format(one.angry)})`;
      },
    },
    xAxis: {
      ...axis,
      type: "category",
      data: days.map((one) => one.day),
      axisLabel: { ...label, hideOverlap: true, formatter: (told) => day.format(new Date(told)) },
    },
    yAxis: [
      { ...axis, type: "value", minInterval: 1, axisLabel: { ...label, formatter: (value) => number.format(value) }, splitNumber: 4 },
      { ...axis, type: "value", min: 0, max: top, interval: top / 4, splitLine: { show: false }, axisLabel: { ...label, formatter: (value) => percent.format(value) } },
    ],
    series: [
      {
        name: t("chart.calls"),
        type: "bar",
        cursor: "pointer",
        barMaxWidth: 28,
        itemStyle: { color: colour("accent"), opacity: 0.55, borderRadius: [3, 3, 0, 0] },
        data: days.map((one) => one.calls),
      },
      {
        name: t("chart.rate"),
        type: "line",
        yAxisIndex: 1,
        cursor: "pointer",
        connectNulls: true,
        symbol: "circle",
        symbolSize: 6,
        lineStyle: { width: 2, color: colour("emotion-angry") },
        itemStyle: { color: colour("emotion-angry") },
        data: rates,
      },
    ],
  };
}

const CHARTS = { volume };

function draw(place) {
  const told = JSON.parse(place.querySelector("script").textContent);
  const chart = globalThis.echarts.init(place, null, { renderer: "svg" });
  chart.setOption(CHARTS[place.dataset.chart](told));
  chart.on("click", ({ dataIndex, seriesIndex }) => {
    const one = told.days[dataIndex];
    location.href = seriesIndex ? one.angryHref : one.href;
  });
  drawn.set(place, { chart, told });
  new ResizeObserver(() => chart.resize()).observe(place);
}

onTheme(() => {
  for (const [place, { chart, told }] of drawn) chart.setOption(CHARTS[place.dataset.chart](told), { notMerge: true });
});

for (const place of document.querySelectorAll("[data-chart]")) draw(place);

const span = document.getElementById("span");
span.addEventListener("change", () => span.requestSubmit());
