import { BarChart, LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent } from 'echarts/components';
import { type EChartsCoreOption, init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { ReportDocument } from '../document.ts';

use([BarChart, LineChart, GridComponent, LegendComponent, SVGRenderer]);

const WIDTH = 760;
const HEIGHT = 320;
const BAR_HEIGHT = 26;
/** Regions that a chart shows; the table has all. */
const REGIONS_MAX = 15;
/** Days of the moving average. */
const WEEK = 7;
const LABEL_WIDTH = 130;
/** The one whose widths echarts knows without a browser. */
const FONT = 'Arial, Helvetica, sans-serif';
const TEXT_COLOUR = '#24292f';
const LINE_COLOUR = '#d0d7de';
/** Told apart by people who see colours differently, too (Okabe and Ito). */
const [BLUE, VERMILION, GREEN] = ['#0072b2', '#d55e00', '#009e73'] as const;

/** A chart for a page. */
export type DrawnChart = { title: string; svg: string; width: number; height: number };

/** Draws what a report has to show. */
export function drawCharts(document: ReportDocument): DrawnChart[] {
  const byCoins = [...document.regions].sort((one, other) => other.giftCoins - one.giftCoins).slice(0, REGIONS_MAX);
  const grown = byCoins.filter(({ giftCoinsGrowth }) => giftCoinsGrowth !== null);
  const charts = [
    drawDays(document.days),
    drawBars(
      'Gift coins by region',
      byCoins.map(({ region, giftCoins }) => [region, giftCoins]),
      { colour: () => BLUE, label: shortNumber },
    ),
    drawBars(
      'Growth of gift coins on the quarter before',
      grown.map(({ region, giftCoinsGrowth }) => [region, giftCoinsGrowth!]),
      { colour: (value) => (value < 0 ? VERMILION : GREEN), label: percent },
    ),
    drawBars(
      'Creators who were given most',
      document.topCreators.map(({ displayName, giftCoins }) => [displayName, giftCoins]),
      { colour: () => BLUE, label: shortNumber },
    ),
  ];
  return charts.filter((chart) => chart !== undefined);
}

function drawDays(days: ReportDocument['days']): DrawnChart | undefined {
  if (days.length === 0) return undefined;
  const coins = days.map(({ giftCoins }) => giftCoins);
  const average = coins.map((_, index) => {
    if (index < WEEK - 1) return null;
    return Math.round(coins.slice(index - WEEK + 1, index + 1).reduce((sum, value) => sum + value, 0) / WEEK);
  });
  return draw('Gift coins by day', HEIGHT, {
    grid: { left: 64, right: 24, top: 48, bottom: 32 },
    legend: { top: 8, left: 'center', textStyle: { color: TEXT_COLOUR } },
    xAxis: { ...axis(), type: 'category', data: days.map(({ day }) => day.slice(5)), axisTick: { show: false } },
    yAxis: { ...axis(shortNumber), type: 'value' },
    series: [
      { type: 'bar', name: 'a day', data: coins, itemStyle: { color: BLUE }, barCategoryGap: '25%' },
      {
        type: 'line',
        name: `average of ${WEEK} days`,
        data: average,
        symbol: 'none',
        lineStyle: { color: VERMILION, width: 2 },
        itemStyle: { color: VERMILION },
      },
    ],
  });
}

type Bars = { colour: (value: number) => string; label: (value: number) => string };

/** Bars from left to right, the first on top. */
function drawBars(
  title: string,
  bars: [name: string, value: number][],
  { colour, label }: Bars,
): DrawnChart | undefined {
  if (bars.length === 0) return undefined;
  return draw(title, bars.length * BAR_HEIGHT + 56, {
    grid: { left: LABEL_WIDTH + 16, right: 72, top: 8, bottom: 32 },
    // Room for the labels of bars to the left.
    xAxis: { ...axis(label), type: 'value', boundaryGap: bars.some(([, value]) => value < 0) ? ['20%', 0] : [0, 0] },
    yAxis: {
      ...axis(),
      type: 'category',
      inverse: true,
      data: bars.map(([name]) => name),
      axisTick: { show: false },
      axisLabel: { color: TEXT_COLOUR, width: LABEL_WIDTH, overflow: 'truncate', margin: 8 },
      // Names stay at the edge where bars go to both sides.
      axisLine: { onZero: false, lineStyle: { color: LINE_COLOUR } },
    },
    series: [
      {
        type: 'bar',
        barMaxWidth: 18,
        data: bars.map(([, value]) => ({
          value,
          itemStyle: { color: colour(value) },
          label: { show: true, position: value < 0 ? 'left' : 'right', color: TEXT_COLOUR, formatter: label(value) },
        })),
      },
    ],
  });
}

function draw(title: string, height: number, option: EChartsCoreOption): DrawnChart {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  try {
    chart.setOption({
      animation: false,
      backgroundColor: '#ffffff',
      textStyle: { fontFamily: FONT, color: TEXT_COLOUR },
      ...option,
    });
    return { title, svg: chart.renderToSVGString(), width: WIDTH, height };
  } finally {
    chart.dispose();
  }
}

function axis(formatter?: (value: number) => string) {
  return {
    axisLabel: { color: TEXT_COLOUR, hideOverlap: true, ...(formatter && { formatter }) },
    axisLine: { lineStyle: { color: LINE_COLOUR } },
    splitLine: { lineStyle: { color: LINE_COLOUR } },
  };
}

const COMPACT = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const PERCENT = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 1, signDisplay: 'exceptZero' });

function shortNumber(value: number): string {
  return COMPACT.format(value);
}

function percent(value: number): string {
  return PERCENT.format(value);
}
