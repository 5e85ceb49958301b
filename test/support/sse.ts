/** Subscriptions over server-sent events, read by hand from fetch. */
import { Feed, type WireError } from './feed.ts';
import { firstLine, jsonHeaders, parseBody, pushResult, type Variables } from './wire.ts';

/** Subscribes over server-sent events on the same URL. */
export function sseFeed<T = Record<string, unknown>>(
  url: string,
  query: string,
  variables?: Variables,
  token?: string,
): Feed<T> {
  const abort = new AbortController();
  const feed = new Feed<T>(`the SSE feed of ${firstLine(query)}`, () => abort.abort());
  readEvents(feed, url, { query, variables }, { signal: abort.signal, token }).then(
    () => feed.end({ code: null, reason: 'complete' }),
    (cause) => feed.end({ code: null, reason: abort.signal.aborted ? 'closed' : String(cause) }),
  );
  return feed;
}

async function readEvents<T>(
  feed: Feed<T>,
  url: string,
  body: object,
  { signal, token }: { signal: AbortSignal; token?: string },
): Promise<void> {
  const headers = { ...jsonHeaders(token), accept: 'text/event-stream' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body), signal });
  if (!response.body || !response.headers.get('content-type')?.startsWith('text/event-stream')) {
    const answer = parseBody<{ errors?: WireError[] }>(await response.text(), response);
    feed.end({ code: response.status, reason: 'error', errors: answer.errors ?? [] });
    return;
  }
  let unread = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const events = (unread + chunk).split('\n\n');
    unread = events.pop() ?? '';
    for (const event of events) readEvent(feed, event);
  }
}

function readEvent<T>(feed: Feed<T>, event: string): void {
  const lines = event.split('\n');
  const field = (name: string) =>
    lines.flatMap((line) => (line.startsWith(`${name}:`) ? [line.slice(name.length + 1).trimStart()] : [])).join('\n');
  if (field('event') === 'complete') feed.end({ code: null, reason: 'complete' });
  else if (field('event') === 'next') pushResult(feed, JSON.parse(field('data')));
}
