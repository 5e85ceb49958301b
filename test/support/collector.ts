/** A collector of traces that speaks OTLP over HTTP with JSON, and keeps what it is sent. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as it came. */
export type ReceivedSpan = {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId: string;
  kind: number;
  attributes: Record<string, unknown>;
  links: { traceId: string; spanId: string }[];
  service: string;
};

type WireValue = { stringValue?: string; intValue?: number | string; doubleValue?: number };
type WireAttribute = { key: string; value: WireValue };
type WireSpan = Omit<ReceivedSpan, 'attributes' | 'service'> & { attributes?: WireAttribute[] };
type WireBody = {
  resourceSpans: { resource: { attributes: WireAttribute[] }; scopeSpans: { spans: WireSpan[] }[] }[];
};

/** Starts it on a free port. */
export async function startCollector(): Promise<{ url: string; spans: ReceivedSpan[]; close: () => void }> {
  const spans: ReceivedSpan[] = [];
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString()) as WireBody;
    for (const { resource, scopeSpans } of body.resourceSpans) {
      const service = String(toObject(resource.attributes)['service.name']);
      for (const span of scopeSpans.flatMap((scope) => scope.spans)) {
        spans.push({
          ...span,
          parentSpanId: span.parentSpanId ?? '',
          links: span.links ?? [],
          attributes: toObject(span.attributes ?? []),
          service,
        });
      }
    }
    res.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function toObject(attributes: readonly WireAttribute[]): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue ?? value.doubleValue]),
  );
}
