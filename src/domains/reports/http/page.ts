import { createHash } from 'node:crypto';
import { escape as escapeHtml } from 'html-escaper';
import { formatAmount } from '../../../kernel/money.ts';
import type { ReportDocument, ReportRow } from '../document.ts';
import type { ClosedQuarter } from '../reports.repo.ts';
import type { DrawnChart } from './charts.ts';

const STYLE = `
  body { margin: 0 auto; max-width: 800px; padding: 24px 16px 64px; font: 15px/1.5 Arial, Helvetica, sans-serif; color: #24292f; background: #fff; }
  h1 { margin: 0 0 4px; font-size: 26px; } h2 { margin: 40px 0 8px; font-size: 18px; } p { margin: 4px 0; }
  .note { color: #57606a; overflow-wrap: anywhere; }
  dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(170px, 1fr)); gap: 12px; margin: 24px 0; }
  dl div { border: 1px solid #d0d7de; border-radius: 8px; padding: 10px 14px; }
  dt { color: #57606a; font-size: 13px; } dd { margin: 0; font-size: 20px; font-variant-numeric: tabular-nums; }
  dd small { display: block; font-size: 13px; color: #57606a; }
  img { display: block; width: 100%; height: auto; }
  .wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
  th, td { padding: 4px 8px; border-bottom: 1px solid #d0d7de; text-align: right; white-space: nowrap; }
  th:first-child, td:first-child { text-align: left; }
`;

/** The page may show pictures that it carries itself, in its own style, and nothing else: no script, no request. */
export const PAGE_POLICY = `default-src 'none'; img-src data:; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

const NUMBER = new Intl.NumberFormat('en');
const PERCENT = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 1, signDisplay: 'exceptZero' });

/** What a page shows beside its report. */
export type PageParts = {
  closed: ClosedQuarter | undefined;
  charts: readonly DrawnChart[];
  /** Where the report can be downloaded, each once. */
  downloads: { name: string; path: string }[];
};

/** A report for people: figures, charts, and a table of the regions. */
export function renderPage(document: ReportDocument, { closed, charts, downloads }: PageParts): string {
  const { world, regions, coinPrice } = document;
  const links = downloads
    .map(({ name, path }) => `<a href="${escapeHtml(path)}" download>${escapeHtml(name)}</a>`)
    .join(' · ');
  return layout(
    `Spending in ${document.name}`,
    `<h1>Spending in ${escapeHtml(document.name)}</h1>
<p>${escapeHtml(document.from)} to ${escapeHtml(document.to)}, days of UTC. 1,000 coins are ${price(coinPrice.minorPer1000, coinPrice.currency)}.</p>
<p class="note">${state(closed)}</p>
<p>${links}</p>
<dl>${tiles(world, coinPrice.currency)}</dl>
${charts.map(renderChart).join('\n')}
<h2>Regions</h2>
<div class="wide"><table><thead><tr><th>Region</th><th>Gift coins</th><th>Growth</th><th>Gifts</th><th>Gifters</th><th>Creators</th><th>Orders</th><th>Public</th></tr></thead>
<tbody>${regions.map(renderRegion).join('\n')}</tbody></table></div>
<p class="note">ZZ is where nobody knows. Regions with fewer than ${document.groupSizeMin} people, and those that would give them away, are not public.</p>`,
  );
}

/** A page that says why there is nothing to see. */
export function renderRefusal(title: string, text: string): string {
  return layout(title, `<h1>${escapeHtml(title)}</h1><p>${escapeHtml(text)}</p>`);
}

function layout(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title><style>${STYLE}</style></head>
<body>${body}</body></html>
`;
}

function state(closed: ClosedQuarter | undefined): string {
  if (!closed) return 'Not closed: these figures go on changing.';
  return `Closed at ${closed.closedAt.toISOString()}. SHA-256 of the JSON: ${escapeHtml(closed.checksum)}`;
}

function tiles(world: ReportRow, currency: string): string {
  const sale = world.sales.find((candidate) => candidate.currency === currency);
  const figures: [name: string, value: string, note?: string][] = [
    ['Gift coins', NUMBER.format(world.giftCoins), growthNote(world.giftCoinsGrowth)],
    ['Gift spend', price(world.giftSpendMinor, currency)],
    ['Gifts', NUMBER.format(world.gifts), `${NUMBER.format(world.reversals)} reversed`],
    ['Gifters', NUMBER.format(world.gifters), growthNote(world.giftersGrowth)],
    ['Creators', NUMBER.format(world.creators)],
    ['Orders', NUMBER.format(world.orders), `${NUMBER.format(world.buyers)} buyers`],
    ['Product spend', price((sale?.paidMinor ?? 0) - (sale?.refundedMinor ?? 0), currency), 'in this currency'],
  ];
  return figures
    .map(([name, value, note]) => {
      return `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}${note ? `<small>${escapeHtml(note)}</small>` : ''}</dd></div>`;
    })
    .join('\n');
}

function growthNote(growth: number | null): string {
  return growth === null ? 'nothing in the quarter before' : `${PERCENT.format(growth)} on the quarter before`;
}

function renderChart({ title, svg, width, height }: DrawnChart): string {
  const source = `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`;
  return `<h2>${escapeHtml(title)}</h2>\n<img src="${source}" alt="${escapeHtml(title)}" width="${width}" height="${height}">`;
}

function renderRegion(row: ReportRow): string {
  const growth = row.giftCoinsGrowth === null ? '–' : PERCENT.format(row.giftCoinsGrowth);
  const numbers = [row.gifts, row.gifters, row.creators, row.orders].map((value) => NUMBER.format(value));
  const cells = [row.region, NUMBER.format(row.giftCoins), growth, ...numbers, row.shown ? 'yes' : 'no'];
  return `<tr>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('')}</tr>`;
}

function price(minorUnits: number, currency: string): string {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency, currencyDisplay: 'code' });
  // As text: a fraction of a number would be rounded.
  return format.format(formatAmount({ minorUnits: BigInt(minorUnits), currency }) as `${number}`);
}
