import * as echarts from 'echarts';
import type { Chart } from './section.ts';

const WIDTH = 760;
const HEIGHT = 400;
/** The one whose widths echarts knows without a browser. */
const FONT = 'Arial, Helvetica, sans-serif';
const TEXT_COLOUR = '#24292f';
const LINE_COLOUR = '#d0d7de';
/** Told apart by people who see colours differently, too (Okabe and Ito). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9'];

/** Draws a chart as SVG, on white so that it is legible on dark pages. */
export function renderChart({ title, xLabel, yLabel, series }: Chart): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT });
  const axis = {
    nameLocation: 'middle',
    nameTextStyle: { color: TEXT_COLOUR, fontSize: 13 },
    axisLabel: { color: TEXT_COLOUR, formatter: shortNumber },
    axisLine: { lineStyle: { color: TEXT_COLOUR } },
    splitLine: { lineStyle: { color: LINE_COLOUR } },
  };
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    color: COLOURS,
    textStyle: { fontFamily: FONT, color: TEXT_COLOUR },
    title: { text: title, left: 'center', top: 12, textStyle: { color: TEXT_COLOUR, fontSize: 15 } },
    legend: { bottom: 8, itemGap: 28, data: series.map(({ name }) => name), textStyle: { color: TEXT_COLOUR } },
    grid: { left: 76, right: 36, top: 56, bottom: 112 },
    xAxis: { ...axis, type: 'log', name: xLabel, nameGap: 28, ...xRange(series) },
    yAxis: { ...axis, type: 'value', name: yLabel, nameGap: 52, min: 0 },
    series: series.map(({ name, points }) => ({ type: 'line', name, data: points, symbol: 'circle', symbolSize: 8 })),
  } as echarts.EChartsCoreOption);
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg.replace(/^<svg[^>]*>/, (tag) => `${tag}\n<title>${title}</title>`); // for those who cannot see it
}

/** A logarithmic axis has no zero: a size of nothing is drawn as one, and the axis ends where the points do. */
function xRange(series: Chart['series']): { min: number; max: number } {
  const xs = series.flatMap(({ points }) => points.map(([x]) => x));
  return { min: Math.min(...xs), max: Math.max(...xs) };
}

function shortNumber(value: number): string {
  if (value >= 1e6) return `${value / 1e6}M`;
  if (value >= 1e4) return `${value / 1e3}k`;
  return String(value);
}
