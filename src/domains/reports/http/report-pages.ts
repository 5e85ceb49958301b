import type { IncomingHttpHeaders } from 'node:http';
import type { Actor } from '../../accounts/accounts.api.ts';
import type { ReportFormat } from '../links.repo.ts';
import { nameOf, type Quarter, quarterNamed } from '../quarters.ts';
import type { Reports } from '../reports.service.ts';
import { PAGE_POLICY, renderPage, renderRefusal } from './page.ts';

/** Where the pages are. */
export const REPORT_PAGES = '/reports/*';

const PATH = /^\/reports\/([^/.]+)(\.csv|\.json)?$/;
const FORMATS: Readonly<Record<string, ReportFormat>> = { '.csv': 'CSV', '.json': 'JSON' };
const TYPES: Readonly<Record<ReportFormat, string>> = {
  HTML: 'text/html; charset=utf-8',
  CSV: 'text/csv; charset=utf-8',
  JSON: 'application/json; charset=utf-8',
};
/** Not to be kept anywhere, nor told to anybody where it came from: a link's key stands in the address. */
const HEADERS = { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', 'x-content-type-options': 'nosniff' };

type Request = { headers: IncomingHttpHeaders; path: string; query: URLSearchParams };
type Answer = { status: number; headers: Record<string, string>; body: string };

type Deps = {
  reports: Reports;
  /** Who sends these headers; undefined without a valid token. */
  authenticate: (headers: IncomingHttpHeaders) => Promise<Actor | undefined>;
};

/**
 * Reports for operators, at /reports/2026-Q3 (a page with charts), .csv and .json. Whoever asks sends an operator's token as
 * "Authorization: Bearer …", or the key of a link that an operator has made, which works once.
 */
export function createReportPages({ reports, authenticate }: Deps): (request: Request) => Promise<Answer> {
  return async ({ headers, path, query }) => {
    const [, name, ending] = PATH.exec(path) ?? [];
    const quarter = name === undefined ? undefined : quarterNamed(name);
    const format = FORMATS[ending ?? ''] ?? 'HTML';
    if (!quarter) return refuse(404, format, 'No such report', 'Reports have names like 2026-Q3.');
    const key = query.get('key');
    if (key !== null) {
      const viewerId = await reports.useLink(key, { quarter, format });
      if (viewerId === undefined)
        return refuse(401, format, 'This link has ended', 'It works once, and for some minutes. Make another.');
      return show(reports, viewerId, quarter, format);
    }
    const actor = await authenticate(headers);
    if (!actor)
      return refuse(
        401,
        format,
        'Sign in',
        'Send an operator’s token as "Authorization: Bearer …", or make a link with createReportLink.',
      );
    if (!actor.isOperator)
      return refuse(403, format, 'Not for you', 'Only an operator of the platform can see whole reports.');
    return show(reports, actor.id, quarter, format);
  };
}

async function show(reports: Reports, viewerId: bigint, quarter: Quarter, format: ReportFormat): Promise<Answer> {
  const { document, text, closed } = await reports.document(quarter);
  const name = nameOf(quarter);
  const file = (ending: string) => ({ 'content-disposition': `attachment; filename="hadiya-${name}.${ending}"` });
  const checksum: Record<string, string> = closed ? { 'x-checksum-sha256': closed.checksum } : {};
  if (format === 'JSON') return answer(200, format, text, { ...file('json'), ...checksum });
  if (format === 'CSV') {
    const { toCsv } = await import('./csv.ts');
    return answer(200, format, toCsv(document), { ...file('csv'), ...checksum });
  }
  const downloads = await Promise.all(
    (['CSV', 'JSON'] as const).map(async (kind) => {
      return { name: kind, path: (await reports.createLink(viewerId, { quarter, format: kind })).path };
    }),
  );
  // Charts are a tenth of a second and some megabytes that only those who ask for them need.
  const { drawCharts } = await import('./charts.ts');
  const page = renderPage(document, { closed, charts: drawCharts(document), downloads });
  return answer(200, format, page, { 'content-security-policy': PAGE_POLICY });
}

function refuse(status: number, format: ReportFormat, title: string, text: string): Answer {
  const challenge: Record<string, string> = status === 401 ? { 'www-authenticate': 'Bearer' } : {};
  if (format !== 'HTML')
    return answer(status, 'JSON', JSON.stringify({ errors: [{ message: `${title}. ${text}` }] }), challenge);
  return answer(status, format, renderRefusal(title, text), { ...challenge, 'content-security-policy': PAGE_POLICY });
}

function answer(status: number, format: ReportFormat, body: string, headers: Record<string, string>): Answer {
  return { status, headers: { ...HEADERS, 'content-type': TYPES[format], ...headers }, body };
}
